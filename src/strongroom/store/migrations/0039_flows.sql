-- Flows of data: what each tenant has declared, file by file like migrations, and what was seen.

create schema flows;
comment on schema flows is 'which data goes from where to where: what tenants declared, and what was seen';
grant usage on schema flows to sr_control;

create table flows.declaration (
    tenant_id   uuid        not null references identity.tenant (tenant_id),
    number      integer     not null check (number between 1 and 9999),
    name        text        not null check (name ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
    digest      text        not null check (digest ~ '^[0-9a-f]{64}$'),
    body        text        not null check (octet_length(body) between 1 and 32768),
    author      text        not null check (length(author) between 1 and 200),
    credential  text        not null check (length(credential) <= 64),
    at          timestamptz not null,
    reason      text        not null check (length(reason) between 1 and 512),
    approved_by text        check (length(approved_by) between 1 and 200),
    request_id  uuid,
    primary key (tenant_id, number)
);
comment on table flows.declaration is 'files of declared flows in their order, each as it was applied; none is changed or taken away';

create table flows.edge (
    tenant_id   uuid        not null references identity.tenant (tenant_id),
    source      text        not null check (length(source) between 1 and 256),
    destination text        not null check (length(destination) between 1 and 256),
    data        text        not null check (length(data) between 1 and 128),
    first_seen  timestamptz not null,
    last_seen   timestamptz not null,
    told_at     timestamptz,
    primary key (tenant_id, source, destination, data),
    check (last_seen >= first_seen)
);
comment on table flows.edge is 'which class of data was seen to go from where to where, and whether the log was told that nobody had declared it';

alter table flows.declaration enable row level security;
alter table flows.declaration force row level security;
alter table flows.edge enable row level security;
alter table flows.edge force row level security;
create policy own_tenant on flows.declaration to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy own_tenant on flows.edge to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert on flows.declaration to sr_control;
grant select, insert, update (first_seen, last_seen, told_at) on flows.edge to sr_control;
