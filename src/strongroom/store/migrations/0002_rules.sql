-- A tenant's rules as versioned documents. A version is added and never changed; the last one is in force.

create schema rules;
comment on schema rules is 'what callers may use up, be shown, call, sign and keep, as documents';
grant usage on schema rules to sr_control, sr_operator;

-- No foreign key to the tenant: the installation's own documents have none, and stand under the nil tenant.
create table rules.document (
    tenant_id  uuid        not null,
    kind       text        not null check (kind ~ '^[a-z]{1,32}$'),
    level      text        not null check (level in ('default', 'ceiling', 'own')),
    version    integer     not null check (version > 0),
    digest     text        not null check (digest ~ '^[0-9a-f]{64}$'),
    body       text        not null check (octet_length(body) <= 65536),
    withdrawn  boolean     not null default false,
    author     text        not null,
    credential text        not null,
    at         timestamptz not null default now(),
    reason     text        not null check (reason <> ''),
    primary key (tenant_id, kind, level, version),
    check ((level = 'default') = (tenant_id = '00000000-0000-0000-0000-000000000000')),
    check (not withdrawn or body = '')
);
comment on table rules.document is 'every version of every document of rules; the nil tenant is the installation';
alter table rules.document enable row level security;
alter table rules.document force row level security;
create policy own_tenant_read on rules.document for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy own_tenant_add on rules.document for insert to sr_control
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid
                and tenant_id <> '00000000-0000-0000-0000-000000000000');
-- The installation's defaults hold for every tenant that has no ceiling, so whoever acts in one may read them.
create policy default_read on rules.document for select to sr_control
    using (tenant_id = '00000000-0000-0000-0000-000000000000'
           and nullif(current_setting('strongroom.tenant', true), '')::uuid is not null);
create policy platform_read on rules.document for select to sr_operator
    using (tenant_id = '00000000-0000-0000-0000-000000000000');
create policy platform_add on rules.document for insert to sr_operator
    with check (tenant_id = '00000000-0000-0000-0000-000000000000');
grant select, insert on rules.document to sr_control, sr_operator;
