-- Training data: where it comes from, each version with its verdict, who approved it, who may read it; and what came of what.
-- Nothing here is believed because it is here: manifests are named by their digest, verdicts, approvals and sources are signed.

create table registry.source (
    tenant_id uuid        not null references identity.tenant (tenant_id),
    name      text        not null check (length(name) between 1 and 63),
    statement bytea       not null check (octet_length(statement) between 1 and 16384),
    added_at  timestamptz not null,
    primary key (tenant_id, name)
);
comment on table registry.source is 'where a tenant''s data comes from, each as it was signed; added, never changed';
alter table registry.source enable row level security;
alter table registry.source force row level security;
create policy own_tenant on registry.source to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert on registry.source to sr_control;

create table registry.dataset (
    tenant_id     uuid        not null references identity.tenant (tenant_id),
    digest        text        not null check (digest ~ '^sha256:[0-9a-f]{64}$'),
    name          text        not null check (length(name) between 1 and 63),
    version       text        not null check (length(version) between 1 and 64),
    environment   text        not null,
    manifest      bytea       not null check (octet_length(manifest) between 1 and 16384),
    verdict       bytea       not null check (octet_length(verdict) between 1 and 1048576),
    added_at      timestamptz not null,
    withdrawn_at  timestamptz,
    withdrawn_by  text check (length(withdrawn_by) between 1 and 200),
    withdrawn_for text check (length(withdrawn_for) between 1 and 1000),
    primary key (tenant_id, digest),
    constraint dataset_name_version unique (tenant_id, name, version),
    foreign key (tenant_id, environment) references identity.environment (tenant_id, name),
    check (num_nonnulls(withdrawn_at, withdrawn_by, withdrawn_for) in (0, 3))
);
comment on table registry.dataset is 'versions of a tenant''s data sets by the digest of their manifest; their rows rest sealed in the content store';
alter table registry.dataset enable row level security;
alter table registry.dataset force row level security;
create policy own_tenant on registry.dataset to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert, update (withdrawn_at, withdrawn_by, withdrawn_for) on registry.dataset to sr_control;

-- `account_id` is no key of another table: who approved is told by the statement's signature, which outlives the account.
create table registry.dataset_approval (
    tenant_id  uuid        not null,
    id         uuid        not null,
    digest     text        not null,
    account_id uuid        not null,
    statement  bytea       not null check (octet_length(statement) between 1 and 16384),
    made_at    timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, digest) references registry.dataset (tenant_id, digest)
);
create index dataset_approval_made on registry.dataset_approval (tenant_id, digest, made_at desc);
comment on table registry.dataset_approval is 'signed approvals of data sets; added, never changed';
alter table registry.dataset_approval enable row level security;
alter table registry.dataset_approval force row level security;
create policy own_tenant on registry.dataset_approval to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert on registry.dataset_approval to sr_control;

create table registry.dataset_grant (
    tenant_id   uuid        not null,
    id          uuid        not null,
    digest      text        not null,
    workload_id uuid        not null,
    granted_by  text        not null check (length(granted_by) between 1 and 200),
    granted_at  timestamptz not null,
    revoked_at  timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, digest) references registry.dataset (tenant_id, digest),
    foreign key (tenant_id, workload_id) references identity.workload (tenant_id, id)
);
create unique index dataset_grant_counts on registry.dataset_grant (tenant_id, digest, workload_id) where revoked_at is null;
create index dataset_grant_workload on registry.dataset_grant (tenant_id, workload_id);
comment on table registry.dataset_grant is 'which training workload may read which data set, until it is revoked';
alter table registry.dataset_grant enable row level security;
alter table registry.dataset_grant force row level security;
create policy own_tenant on registry.dataset_grant to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert, update (revoked_at) on registry.dataset_grant to sr_control;

-- What came of what, beyond what the tables of sources, data sets, releases and deployments say already. `observed`: this
-- installation did it itself; otherwise somebody says so.
create table registry.lineage_run (
    tenant_id   uuid        not null references identity.tenant (tenant_id),
    id          uuid        not null,
    environment text        not null,
    name        text        not null check (length(name) between 1 and 200),
    said_by     text        not null check (length(said_by) between 1 and 200),
    observed    boolean     not null,
    state       text        not null check (state in ('started', 'completed', 'failed', 'aborted')),
    started_at  timestamptz not null,
    ended_at    timestamptz,
    facts       jsonb       not null default '{}' check (octet_length(facts::text) <= 65536),
    primary key (tenant_id, id),
    foreign key (tenant_id, environment) references identity.environment (tenant_id, name)
);
create index lineage_run_environment on registry.lineage_run (tenant_id, environment);
comment on table registry.lineage_run is 'training runs of a tenant, those that this installation ran and those that somebody told of';
alter table registry.lineage_run enable row level security;
alter table registry.lineage_run force row level security;
create policy own_tenant on registry.lineage_run to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert, update (state, ended_at, facts) on registry.lineage_run to sr_control;

create table registry.lineage_edge (
    tenant_id uuid        not null references identity.tenant (tenant_id),
    id        uuid        not null,
    source    text        not null check (length(source) between 3 and 500),
    target    text        not null check (length(target) between 3 and 500),
    said_by   text        not null check (length(said_by) between 1 and 200),
    reason    text        not null check (length(reason) <= 1000),
    observed  boolean     not null,
    at        timestamptz not null,
    primary key (tenant_id, id)
);
create unique index lineage_edge_once on registry.lineage_edge (tenant_id, source, target, said_by, observed);
comment on table registry.lineage_edge is 'what went into what: a data set or release into a run, a run or data set into a release; added, never changed';
alter table registry.lineage_edge enable row level security;
alter table registry.lineage_edge force row level security;
create policy own_tenant on registry.lineage_edge to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert on registry.lineage_edge to sr_control;
