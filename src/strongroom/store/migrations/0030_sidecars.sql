-- What people wrote of their acts stands beside the log, sealed under their own keys: the entry holds a commitment.

create table audit.sidecar (
    tenant_id uuid        not null,
    entry_id  uuid        not null,
    name      text        not null check (name in ('reason', 'note')),
    subject   text        not null check (subject ~ '^sub_[0-9a-f]{32}$'),
    sealed    bytea       not null check (octet_length(sealed) between 1 and 4096),
    at        timestamptz not null default now(),
    primary key (tenant_id, entry_id, name),
    foreign key (tenant_id, entry_id) references audit.entry (tenant_id, id)
);
create index sidecar_subject on audit.sidecar (tenant_id, subject);
comment on table audit.sidecar is 'words of entries, sealed under a key of who wrote them; the entry commits to them';
alter table audit.sidecar enable row level security;
alter table audit.sidecar force row level security;
create policy own_tenant_append on audit.sidecar for insert to sr_control
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy own_tenant_read on audit.sidecar for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy erased_read on audit.sidecar for select to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy erased_by on audit.sidecar for delete to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert on audit.sidecar to sr_control;

create function audit.drop_sidecars(of_subject text, before timestamptz) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone bigint;
begin
    if subjects.held_by(of_subject) is not null then
        raise exception 'this is held' using errcode = 'check_violation';
    end if;
    delete from audit.sidecar s
    where s.tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and s.subject = of_subject
      and s.at <= before;
    get diagnostics gone = row_count;
    return gone;
end $$;
comment on function audit.drop_sidecars is 'removes the words that a subject of the tenant that is set wrote of entries, unless something holds them';
revoke execute on function audit.drop_sidecars from public;
grant execute on function audit.drop_sidecars to sr_control;
