-- Canaries: words that were planted where nobody who keeps to the rules repeats them, and the incidents that open by themselves.

create table registry.canary (
    tenant_id        uuid        not null references identity.tenant (tenant_id),
    id               uuid        not null,
    deployment_id    uuid,
    label            text        not null check (length(label) between 1 and 100),
    word             text        not null check (word ~ '^[a-z]{12}$'),
    planted_at       timestamptz not null,
    planted_by       text        not null check (length(planted_by) between 1 and 200),
    retired_at       timestamptz,
    recognised_until timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, deployment_id) references registry.deployment (tenant_id, id),
    check ((retired_at is null) = (recognised_until is null))
);
create unique index canary_planted on registry.canary (tenant_id, deployment_id) where retired_at is null;
comment on table registry.canary is 'words planted in instructions and documents, so that a copy of either is known when it turns up';
alter table registry.canary enable row level security;
alter table registry.canary force row level security;
create policy own_tenant on registry.canary to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert, update (retired_at, recognised_until) on registry.canary to sr_control;

-- Three kinds of incident open by themselves, in the transaction of the entry that tells of them: whoever writes the one has
-- written the other, and there is no watcher that could be asleep. One is open at a time of each kind and subject.
alter table identity.incident drop constraint incident_kind_check;
alter table identity.incident add constraint incident_kind_check
    check (kind in ('key-leak', 'canary-leak', 'prompt-leak', 'honeytoken'));
create unique index incident_once on identity.incident (tenant_id, kind, subject)
    where closed_at is null and kind <> 'key-leak';
create policy raised on identity.incident for insert to sr_owner
    with check (kind in ('canary-leak', 'prompt-leak', 'honeytoken') and closed_at is null);

create function audit.raise_incident() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into identity.incident (tenant_id, id, kind, subject, opened_at, opened_by, reason, report)
    select new.tenant_id, new.id, told.kind,
           case when told.kind = 'honeytoken' then new.credential else right(new.resource, 128) end,
           new.at, 'detection', left(new.reason, 200), '{}'
    from (select case when new.detail ->> 'signal' = 'honeytoken-used' then 'honeytoken' else new.detail ->> 'signal' end)
         as told (kind)
    on conflict do nothing;
    return null;
exception when foreign_key_violation then
    return null; -- a tenant that is gone; its entry is written all the same
end $$;
revoke execute on function audit.raise_incident from public;
create trigger raise_incident after insert on audit.entry for each row
    when (new.detail ->> 'signal' in ('canary-leak', 'prompt-leak', 'honeytoken-used'))
    execute function audit.raise_incident();
