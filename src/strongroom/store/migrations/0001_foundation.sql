-- Tables of the foundation. Every table with a tenant has FORCE ROW SECURITY, a primary key that starts with the tenant
-- and foreign keys that carry it. Policies name roles, never PUBLIC; one that says USING (true) is listed, with its
-- reason, in store/lint.py. Ids are random, made by the caller: there is no sequence anywhere.

create schema identity;
create schema registry;
create schema audit;
create schema feed;
create schema gateway;
create schema store;
comment on schema identity is 'tenants, environments, workloads, keys and the accounts of people';
comment on schema registry is 'model releases and where they are deployed';
comment on schema audit is 'what was asked, by whom, and what the answer was; append only';
comment on schema feed is 'documents that every process must know within a second';
comment on schema gateway is 'one row per answered request; no content';
comment on schema store is 'what the database knows about itself';
grant usage on schema identity, registry, audit to sr_control, sr_operator;
grant usage on schema feed to sr_control, sr_operator, sr_gateway;
grant usage on schema audit, gateway to sr_gateway;
grant usage on schema gateway to sr_control, sr_operator;
grant usage on schema store to sr_control, sr_operator, sr_gateway;

---------------------------------------------------------------------------------------------------------------- identity

create table identity.tenant (
    tenant_id  uuid        not null,
    name       text        not null check (name ~ '^[a-z0-9][a-z0-9.-]{0,62}$'),
    created_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (tenant_id),
    check (tenant_id <> '00000000-0000-0000-0000-000000000000')
);
create unique index tenant_name on identity.tenant (name) where deleted_at is null;
comment on table identity.tenant is 'one row per tenant, kept after deletion so that its id is never used again';
alter table identity.tenant enable row level security;
alter table identity.tenant force row level security;
create policy own_tenant on identity.tenant for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
-- A tenant's end is final for whoever acts in it. The policy also lets it lock its own living row.
create policy own_tenant_end on identity.tenant for update to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and deleted_at is null)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and deleted_at is not null);
create policy operator_all on identity.tenant to sr_operator using (true) with check (true);
-- A tenant cannot rename itself: the unique name would tell it which names are taken.
grant select, update (deleted_at) on identity.tenant to sr_control;
grant select, insert, update (deleted_at) on identity.tenant to sr_operator;

create table identity.environment (
    tenant_id    uuid    not null references identity.tenant (tenant_id),
    name         text    not null check (name in ('dev', 'test', 'prod')),
    max_key_days integer not null default 90 check (max_key_days between 1 and 3660),
    primary key (tenant_id, name)
);
comment on table identity.environment is 'dev, test and prod of a tenant and what each allows';
alter table identity.environment enable row level security;
alter table identity.environment force row level security;
create policy own_tenant on identity.environment to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy operator_all on identity.environment to sr_operator using (true) with check (true);
grant select, insert, update (max_key_days) on identity.environment to sr_control;
grant select, insert, update (max_key_days) on identity.environment to sr_operator;

create table identity.workload (
    tenant_id   uuid        not null references identity.tenant (tenant_id),
    id          uuid        not null,
    environment text        not null,
    name        text        not null,
    role        text        not null check (role in ('inference', 'evaluation')),
    owner       text        not null check (owner <> ''),
    created_at  timestamptz not null default now(),
    deleted_at  timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, environment) references identity.environment (tenant_id, name)
);
create unique index workload_name on identity.workload (tenant_id, environment, name) where deleted_at is null;
comment on table identity.workload is 'a program of a tenant that calls models, in one environment and one role';
alter table identity.workload enable row level security;
alter table identity.workload force row level security;
create policy own_tenant on identity.workload to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy operator_read on identity.workload for select to sr_operator using (true);
grant select, insert, update (owner, deleted_at) on identity.workload to sr_control;
grant select on identity.workload to sr_operator;

create table identity.key (
    tenant_id      uuid        not null references identity.tenant (tenant_id),
    id             text        not null check (id ~ '^[0-9a-z]{16}$'),
    workload_id    uuid        not null,
    fingerprint    bytea       not null check (octet_length(fingerprint) = 32),
    pepper_version integer     not null check (pepper_version > 0),
    label          text        not null default '',
    owner          text        not null check (owner <> ''),
    created_at     timestamptz not null default now(),
    expires_at     timestamptz not null,
    revoked_at     timestamptz,
    revoked_reason text,
    exception      jsonb,
    primary key (tenant_id, id),
    foreign key (tenant_id, workload_id) references identity.workload (tenant_id, id),
    check (expires_at > created_at),
    check ((revoked_at is null) = (revoked_reason is null))
);
create index key_workload on identity.key (tenant_id, workload_id);
comment on table identity.key is 'credentials of workloads: a keyed fingerprint, never the secret';
alter table identity.key enable row level security;
alter table identity.key force row level security;
create policy own_tenant on identity.key to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy operator_read on identity.key for select to sr_operator using (true);
grant select, insert, update (label, owner, revoked_at, revoked_reason) on identity.key to sr_control;
-- Across tenants an operator sees which keys there are, not what they are checked against.
grant select (tenant_id, id, workload_id, label, owner, created_at, expires_at, revoked_at, revoked_reason, exception)
    on identity.key to sr_operator;

create table identity.account (
    id         uuid        not null,
    name       text        not null,
    role       text        not null check (role in ('operator', 'approver', 'tenant-admin')),
    tenant_id  uuid        references identity.tenant (tenant_id),
    demo       boolean     not null default false,
    created_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (id),
    check ((role = 'tenant-admin') = (tenant_id is not null))
);
create unique index account_name on identity.account (name) where deleted_at is null;
comment on table identity.account is 'people who administer the installation or one tenant; for operators only';
alter table identity.account enable row level security;
alter table identity.account force row level security;
create policy operator_all on identity.account to sr_operator using (true) with check (true);
grant select, insert, update (deleted_at) on identity.account to sr_operator;

create table identity.account_key (
    id             text        not null check (id ~ '^[0-9a-z]{16}$'),
    account_id     uuid        not null references identity.account (id),
    fingerprint    bytea       not null check (octet_length(fingerprint) = 32),
    pepper_version integer     not null check (pepper_version > 0),
    created_at     timestamptz not null default now(),
    expires_at     timestamptz not null,
    revoked_at     timestamptz,
    revoked_reason text,
    primary key (id),
    check (expires_at > created_at),
    check ((revoked_at is null) = (revoked_reason is null))
);
create index account_key_account on identity.account_key (account_id);
comment on table identity.account_key is 'credentials of accounts: a keyed fingerprint, never the secret; for operators only';
grant select, insert, update (revoked_at, revoked_reason) on identity.account_key to sr_operator;

---------------------------------------------------------------------------------------------------------------- registry

create table registry.release (
    digest      text        not null check (digest ~ '^sha256:[0-9a-f]{64}$'),
    name        text        not null,
    version     text        not null,
    kind        text        not null check (kind in ('chat', 'embedding')),
    format      text        not null check (format in ('gguf', 'onnx')),
    bytes       bigint      not null check (bytes > 0),
    source      text        not null,
    admitted_at timestamptz not null default now(),
    primary key (digest),
    constraint release_name_version unique (name, version)
);
comment on table registry.release is 'models that were admitted, each by the digest of its content; of the installation, not of a tenant';
grant select on registry.release to sr_control;
grant select, insert on registry.release to sr_operator;

create table registry.deployment (
    tenant_id      uuid        not null references identity.tenant (tenant_id),
    id             uuid        not null,
    environment    text        not null,
    name           text        not null,
    release_digest text        not null references registry.release (digest),
    created_at     timestamptz not null default now(),
    deleted_at     timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, environment) references identity.environment (tenant_id, name)
);
create unique index deployment_name on registry.deployment (tenant_id, environment, name) where deleted_at is null;
comment on table registry.deployment is 'which release a tenant calls by which name in which environment';
alter table registry.deployment enable row level security;
alter table registry.deployment force row level security;
create policy own_tenant on registry.deployment to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy operator_read on registry.deployment for select to sr_operator using (true);
grant select, insert, update (deleted_at) on registry.deployment to sr_control;
grant select on registry.deployment to sr_operator;

------------------------------------------------------------------------------------------------------------------- audit

-- No foreign key: an entry outlives what it names, and writing one must not fail because that is gone.
create table audit.entry (
    tenant_id  uuid        not null,
    id         uuid        not null,
    at         timestamptz not null default now(),
    actor      text        not null,
    credential text        not null,
    action     text        not null,
    resource   text        not null,
    outcome    text        not null check (outcome in ('allowed', 'refused', 'failed')),
    reason     text        not null default '',
    request_id text        not null default '',
    detail     jsonb       not null default '{}' check (octet_length(detail::text) <= 65536),
    sealed_at  timestamptz,
    primary key (tenant_id, id),
    check (tenant_id <> '00000000-0000-0000-0000-000000000000')
);
create index entry_at on audit.entry (tenant_id, at desc, id desc);
comment on table audit.entry is 'what was done or refused in a tenant; written in the same transaction as the change';
alter table audit.entry enable row level security;
alter table audit.entry force row level security;
create policy own_tenant_read on audit.entry for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy own_tenant_append on audit.entry for insert to sr_control
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy operator_read on audit.entry for select to sr_operator using (true);
-- The gateway refuses requests and counts what it lost; it cannot write that anything was administered.
create policy gateway_append on audit.entry for insert to sr_gateway
    with check (action in ('model.invoke', 'model.see', 'record.drop'));
-- sealed_at is the sequencer's to set; nobody here may claim that an entry was sealed.
grant select, insert (tenant_id, id, at, actor, credential, action, resource, outcome, reason, request_id, detail)
    on audit.entry to sr_control;
grant insert (tenant_id, id, at, actor, credential, action, resource, outcome, reason, request_id, detail)
    on audit.entry to sr_gateway;
grant select on audit.entry to sr_operator;

create table audit.platform_entry (
    id         uuid        not null,
    at         timestamptz not null default now(),
    actor      text        not null,
    credential text        not null,
    action     text        not null,
    resource   text        not null,
    outcome    text        not null check (outcome in ('allowed', 'refused', 'failed')),
    reason     text        not null default '',
    request_id text        not null default '',
    detail     jsonb       not null default '{}' check (octet_length(detail::text) <= 65536),
    sealed_at  timestamptz,
    primary key (id)
);
create index platform_entry_at on audit.platform_entry (at desc, id desc);
comment on table audit.platform_entry is 'what was done or refused on the installation itself, and by callers nobody knows';
grant select, insert (id, at, actor, credential, action, resource, outcome, reason, request_id, detail)
    on audit.platform_entry to sr_operator;
grant insert (id, at, actor, credential, action, resource, outcome, reason, request_id, detail)
    on audit.platform_entry to sr_control, sr_gateway;
alter table audit.platform_entry enable row level security;
alter table audit.platform_entry force row level security;
create policy operator_read on audit.platform_entry for select to sr_operator using (true);
create policy operator_append on audit.platform_entry for insert to sr_operator with check (true);
create policy control_append on audit.platform_entry for insert to sr_control with check (true);
create policy gateway_append on audit.platform_entry for insert to sr_gateway
    with check (action in ('model.invoke', 'model.see', 'record.drop'));

-------------------------------------------------------------------------------------------------------------------- feed

create table feed.version (
    id      boolean not null default true check (id),
    version bigint  not null,
    epoch   uuid    not null,
    primary key (id)
);
comment on table feed.version is 'one row: the version of the last change, and an epoch that a restored backup replaces';
insert into feed.version (version, epoch) values (0, gen_random_uuid());
grant select, update (version) on feed.version to sr_control, sr_operator;
grant select on feed.version to sr_gateway;
-- A version that jumps or goes back would make every follower skip changes or begin again. The owner may: a restore does.
create function feed.one_step() returns trigger language plpgsql as $$
begin
    if new.version is distinct from old.version + 1 and not pg_catalog.pg_has_role(current_user, 'sr_owner', 'member') then
        raise exception 'the version of the feed moves by one' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
revoke execute on function feed.one_step() from public;
create trigger one_step before update on feed.version for each row execute function feed.one_step();

create table feed.entry (
    tenant_id uuid    not null,
    kind      text    not null,
    id        text    not null,
    version   bigint  not null,
    body      bytea   not null,
    deleted   boolean not null default false,
    primary key (tenant_id, kind, id),
    check (not deleted or octet_length(body) = 0)
);
create index entry_version on feed.entry (version);
-- Two rows that claim one living credential would void it. All of sr_control can read this table, so a conflict tells it
-- nothing that it could not look up.
create unique index entry_credential on feed.entry (id) where kind = 'credential' and not deleted;
comment on table feed.entry is 'documents followed by every process; the nil tenant is the installation; withdrawn ones stay as tombstones';
alter table feed.entry enable row level security;
alter table feed.entry force row level security;
create policy control_follows on feed.entry for select to sr_control using (true);
create policy gateway_follows on feed.entry for select to sr_gateway using (true);
create policy own_tenant_add on feed.entry for insert to sr_control
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid
                and tenant_id <> '00000000-0000-0000-0000-000000000000');
create policy own_tenant_change on feed.entry for update to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid
           and tenant_id <> '00000000-0000-0000-0000-000000000000')
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid
                and tenant_id <> '00000000-0000-0000-0000-000000000000');
create policy platform_rows on feed.entry to sr_operator
    using (tenant_id = '00000000-0000-0000-0000-000000000000')
    with check (tenant_id = '00000000-0000-0000-0000-000000000000');
grant select, insert, update on feed.entry to sr_control, sr_operator;
grant select on feed.entry to sr_gateway;
-- A document of a later version than the feed's would be told again with every read; one of an earlier, never.
create function feed.now_or_never() returns trigger language plpgsql as $$
begin
    if new.version is distinct from (select v.version from feed.version v)
        and not pg_catalog.pg_has_role(current_user, 'sr_owner', 'member') then
        raise exception 'a document has the version of the feed' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
revoke execute on function feed.now_or_never() from public;
create trigger now_or_never before insert or update on feed.entry for each row execute function feed.now_or_never();

----------------------------------------------------------------------------------------------------------------- gateway

-- Partitioned from the first day, since a table cannot become so later; retention creates and detaches the ranges.
create table gateway.record (
    tenant_id      uuid        not null,
    day            date        not null,
    id             uuid        not null,
    at             timestamptz not null,
    environment    text        not null,
    workload_id    uuid        not null,
    key_id         text        not null,
    deployment_id  uuid,
    release_digest text,
    operation      text        not null,
    status         integer     not null,
    input_tokens   integer     not null check (input_tokens >= 0),
    output_tokens  integer     not null check (output_tokens >= 0),
    duration_us    bigint      not null check (duration_us >= 0),
    policy_version text        not null,
    primary key (tenant_id, day, id)
) partition by range (day);
comment on table gateway.record is 'one row per answered request: who, which release, how much, how long; never what was said';
alter table gateway.record enable row level security;
alter table gateway.record force row level security;
create policy own_tenant_read on gateway.record for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy gateway_append on gateway.record for insert to sr_gateway with check (true);
grant select on gateway.record to sr_control;
grant insert on gateway.record to sr_gateway;

create table gateway.record_default partition of gateway.record default;
comment on table gateway.record_default is 'records of days that have no partition of their own';
alter table gateway.record_default enable row level security;
alter table gateway.record_default force row level security;

------------------------------------------------------------------------------------------------------------------- store

create table store.migration (
    version    integer     not null check (version > 0),
    name       text        not null,
    sha256     text        not null check (sha256 ~ '^[0-9a-f]{64}$'),
    applied_at timestamptz not null default now(),
    primary key (version)
);
comment on table store.migration is 'which migrations made this database, each with the digest of its text';
grant select on store.migration to sr_control, sr_operator, sr_gateway;
