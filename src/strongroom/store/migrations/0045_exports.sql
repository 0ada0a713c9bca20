-- What accounts and workloads have taken out of a tenant's stores, counted before it is handed over.
--
-- Nobody has a grant to write here. limits.take adds to the counters of who takes and of the tenant, and returns what they
-- come to; whoever calls it compares, and undoes its transaction where that is too much. The rows stay locked until then, so
-- two at once come to no more than one after the other. They are locked in the order of their key, so nobody waits in a circle.

create table limits.taken (
    tenant_id uuid        not null,
    party     text        not null check (length(party) between 1 and 200),
    surface   text        not null check (surface ~ '^[a-z]{1,32}$'),
    span      text        not null check (span in ('hour', 'day')),
    began     timestamptz not null,
    row_count bigint      not null check (row_count >= 0),
    octets    bigint      not null check (octets >= 0),
    times     bigint      not null check (times >= 0),
    primary key (tenant_id, party, surface, span)
);
comment on table limits.taken is 'what was taken out in this hour and on this day, by account, by workload and of the tenant; the nil tenant is the installation';
comment on column limits.taken.party is '`account:ROLE/NAME`, `workload:ENV/NAME`, or `tenant`: the sum of all';
alter table limits.taken enable row level security;
alter table limits.taken force row level security;
create policy own_tenant on limits.taken for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy counted on limits.taken to sr_owner
    using (tenant_id = coalesce(nullif(current_setting('strongroom.tenant', true), '')::uuid, '00000000-0000-0000-0000-000000000000'))
    with check (tenant_id = coalesce(nullif(current_setting('strongroom.tenant', true), '')::uuid, '00000000-0000-0000-0000-000000000000'));
grant select on limits.taken to sr_control;
grant usage on schema limits to sr_operator;

create function limits.take(of_party text, of_surface text, at timestamptz, more_rows bigint, more_octets bigint)
returns table (party text, span text, began timestamptz, row_count bigint, octets bigint, times bigint)
language sql security definer set search_path = pg_catalog, pg_temp as $$
    insert into limits.taken as t (tenant_id, party, surface, span, began, row_count, octets, times)
    select coalesce(nullif(current_setting('strongroom.tenant', true), '')::uuid, '00000000-0000-0000-0000-000000000000'),
           w.party, of_surface, w.span, date_trunc(w.span, at at time zone 'utc') at time zone 'utc', more_rows, more_octets, 1
    from (values (of_party, 'day'), (of_party, 'hour'), ('tenant', 'day'), ('tenant', 'hour')) as w (party, span)
    where more_rows >= 0 and more_octets >= 0 -- nobody takes less than nothing, and so makes room
    order by w.party, w.span
    -- A clock that is set back begins no new hour: the younger beginning stays, and so does what was counted since.
    on conflict (tenant_id, party, surface, span) do update set
        row_count = excluded.row_count + case when t.began >= excluded.began then t.row_count else 0 end,
        octets = excluded.octets + case when t.began >= excluded.began then t.octets else 0 end,
        times = excluded.times + case when t.began >= excluded.began then t.times else 0 end,
        began = greatest(t.began, excluded.began)
    returning t.party, t.span, t.began, t.row_count, t.octets, t.times
$$;
comment on function limits.take is 'adds to what was taken out of the tenant that is set, and returns what that comes to';
revoke execute on function limits.take from public;
grant execute on function limits.take to sr_control, sr_operator, sr_gateway;

-- Whoever is stopped is seen: the entry of the first no of a taker opens an incident, as a canary's does. So does a flow that
-- nobody declared, of a tenant that has declared any; of one that has not, every flow would.
alter table identity.incident drop constraint incident_kind_check;
alter table identity.incident add constraint incident_kind_check
    check (kind in ('key-leak', 'canary-leak', 'prompt-leak', 'honeytoken', 'export-limit', 'flow-undeclared'));
drop policy raised on identity.incident;
create policy raised on identity.incident for insert to sr_owner
    with check (kind in ('canary-leak', 'prompt-leak', 'honeytoken', 'export-limit', 'flow-undeclared') and closed_at is null);
create policy declared_read on flows.declaration for select to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);

create or replace function audit.raise_incident() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    kind text := case new.detail ->> 'signal' when 'honeytoken-used' then 'honeytoken' else new.detail ->> 'signal' end;
begin
    if kind = 'flow-undeclared' and not exists (select from flows.declaration d where d.tenant_id = new.tenant_id) then
        return null;
    end if;
    insert into identity.incident (tenant_id, id, kind, subject, opened_at, opened_by, reason, report)
    select new.tenant_id, new.id, kind,
           case kind when 'honeytoken' then new.credential
                     when 'export-limit' then left(new.actor, 128)
                     when 'flow-undeclared' then left(new.detail ->> 'to', 128)
                     else right(new.resource, 128) end,
           new.at, 'detection',
           left(case kind when 'flow-undeclared'
                          then concat(new.detail ->> 'from', ' -> ', new.detail ->> 'to', ': ', new.detail ->> 'data')
                          else new.reason end, 200),
           '{}'
    on conflict do nothing;
    return null;
exception when foreign_key_violation then
    return null; -- a tenant that is gone; its entry is written all the same
end $$;
revoke execute on function audit.raise_incident from public;
drop trigger raise_incident on audit.entry;
create trigger raise_incident after insert on audit.entry for each row
    when (new.detail ->> 'signal' in ('canary-leak', 'prompt-leak', 'honeytoken-used', 'export-limit', 'flow-undeclared'))
    execute function audit.raise_incident();

-- Every incident pages somebody: its notice is stored with it, so neither is without the other. It names whose, of which kind
-- and about what; what was said, asked or answered is not in it.
create function audit.page_incident() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into identity.notice (id, body, created_at)
    values (new.id,
            jsonb_build_object('type', 'incident.opened', 'incident', new.id, 'kind', new.kind, 'tenant', new.tenant_id,
                               'subject', new.subject, 'opened_at', new.opened_at, 'opened_by', new.opened_by),
            now());
    return null;
end $$;
comment on function audit.page_incident is 'stores a notice of the very incident that is opened; nobody may call it';
revoke execute on function audit.page_incident from public;
create trigger page_incident after insert on identity.incident for each row execute function audit.page_incident();
