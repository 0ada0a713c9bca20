-- Training: files that workloads uploaded to train with, jobs over them, and what the jobs said. The files' bytes lie sealed
-- beside the database; here is what they are.

create table registry.training_file (
    tenant_id   uuid        not null references identity.tenant (tenant_id),
    id          uuid        not null,
    environment text        not null check (environment in ('dev', 'test', 'prod')),
    name        text        not null check (length(name) between 1 and 200),
    bytes       bigint      not null check (bytes > 0),
    rows        integer     not null check (rows > 0),
    columns     text        not null,
    sha256      text        not null check (sha256 ~ '^[0-9a-f]{64}$'),
    kept_sha256 text        not null check (kept_sha256 ~ '^[0-9a-f]{64}$'),
    replaced    text        not null,
    created_at  timestamptz not null,
    created_by  text        not null check (length(created_by) between 1 and 200),
    deleted_at  timestamptz,
    primary key (tenant_id, id)
);
comment on table registry.training_file is 'files to train with: what they are; their bytes are sealed under the tenant''s keys';
alter table registry.training_file enable row level security;
alter table registry.training_file force row level security;
create policy own_tenant on registry.training_file to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert, update (deleted_at) on registry.training_file to sr_control;

create table registry.training_job (
    tenant_id   uuid        not null references identity.tenant (tenant_id),
    id          uuid        not null,
    environment text        not null check (environment in ('dev', 'test', 'prod')),
    workload_id uuid        not null,
    created_by  text        not null check (length(created_by) between 1 and 200),
    created_at  timestamptz not null,
    file_id     uuid        not null,
    asked       text        not null,
    name        text        not null,
    version     text        not null,
    token_id    text        not null,
    status      text        not null check (status in ('queued', 'running', 'delivering', 'succeeded', 'failed', 'cancelled')),
    started_at  timestamptz,
    finished_at timestamptz,
    code        text        not null default '',
    message     text        not null default '',
    digest      text        not null default '',
    figures     text        not null default '{}',
    primary key (tenant_id, id),
    foreign key (tenant_id, file_id) references registry.training_file (tenant_id, id),
    check ((finished_at is null) = (status in ('queued', 'running', 'delivering')))
);
create index training_job_made on registry.training_job (tenant_id, created_at desc, id desc);
comment on table registry.training_job is 'training jobs: who asked for what, of which file, and what became of it';
alter table registry.training_job enable row level security;
alter table registry.training_job force row level security;
create policy own_tenant on registry.training_job to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert, update (status, started_at, finished_at, code, message, digest, figures) on registry.training_job to sr_control;

create table registry.training_event (
    tenant_id uuid        not null,
    job_id    uuid        not null,
    id        uuid        not null,
    at        timestamptz not null,
    level     text        not null check (level in ('info', 'warn', 'error')),
    message   text        not null check (length(message) between 1 and 1000),
    primary key (tenant_id, job_id, id),
    foreign key (tenant_id, job_id) references registry.training_job (tenant_id, id)
);
comment on table registry.training_event is 'what training jobs said, in order of time';
alter table registry.training_event enable row level security;
alter table registry.training_event force row level security;
create policy own_tenant on registry.training_event to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert on registry.training_event to sr_control;
