-- Incidents stay until somebody has said what caused them.

create table identity.incident (
    tenant_id   uuid        not null references identity.tenant (tenant_id),
    id          uuid        not null,
    kind        text        not null check (kind in ('key-leak')),
    subject     text        not null check (length(subject) between 1 and 128),
    opened_at   timestamptz not null,
    opened_by   text        not null check (length(opened_by) between 1 and 200),
    reason      text        not null check (length(reason) <= 200),
    report      jsonb       not null check (octet_length(report::text) <= 1048576),
    cause       text        check (length(cause) between 1 and 2000),
    fix         text        check (length(fix) <= 2000),
    closed_at   timestamptz,
    closed_by   text,
    primary key (tenant_id, id),
    check ((closed_at is null) = (cause is null)),
    check ((closed_at is null) = (closed_by is null))
);
create index incident_open on identity.incident (tenant_id, opened_at desc);
comment on table identity.incident is 'what went wrong, what was done at once, and the cause, without which none is closed';
alter table identity.incident enable row level security;
alter table identity.incident force row level security;
create policy own_tenant on identity.incident to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert, update (report, cause, fix, closed_at, closed_by) on identity.incident to sr_control;
