-- Releases that people bring: the installation's beside those that came with it, and each tenant's own, which no other
-- tenant can know of. A deleted one stays as a tombstone, so that its name and version never mean other bytes.

alter table registry.release drop constraint release_format_check;
alter table registry.release add constraint release_format_check
    check (format in ('gguf', 'onnx', 'skops', 'safetensors'));
alter table registry.release add column author text check (length(author) between 1 and 200);
alter table registry.release add column deleted_at timestamptz;
comment on column registry.release.author is 'who brought it; null: it came with the installation';
grant update (name, version, kind, format, bytes, source, admitted_at, author, deleted_at) on registry.release to sr_operator;

create table registry.own_release (
    tenant_id   uuid        not null references identity.tenant (tenant_id),
    digest      text        not null check (digest ~ '^sha256:[0-9a-f]{64}$'),
    name        text        not null,
    version     text        not null,
    kind        text        not null check (kind in ('chat', 'embedding', 'moderation', 'infer')),
    format      text        not null check (format in ('gguf', 'onnx', 'skops', 'safetensors')),
    bytes       bigint      not null check (bytes > 0),
    source      text        not null,
    author      text        not null check (length(author) between 1 and 200),
    admitted_at timestamptz not null default now(),
    deleted_at  timestamptz,
    primary key (tenant_id, digest),
    constraint own_release_name_version unique (tenant_id, name, version)
);
comment on table registry.own_release is 'models that a tenant brought, each by the digest of its manifest';
alter table registry.own_release enable row level security;
alter table registry.own_release force row level security;
create policy own_tenant on registry.own_release to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy operator_read on registry.own_release for select to sr_operator using (true);
grant select, insert on registry.own_release to sr_control;
grant update (name, version, kind, format, bytes, source, admitted_at, author, deleted_at) on registry.own_release to sr_control;
grant select on registry.own_release to sr_operator;

create table registry.own_evidence (
    tenant_id      uuid        not null,
    release_digest text        not null,
    id             uuid        not null,
    kind           text        not null check (kind in ('manifest', 'scan', 'signature', 'approval')),
    account_id     uuid,
    statement      bytea       not null check (octet_length(statement) between 1 and 16777216),
    made_at        timestamptz not null,
    primary key (tenant_id, release_digest, id),
    foreign key (tenant_id, release_digest) references registry.own_release (tenant_id, digest),
    check ((kind = 'approval') = (account_id is not null))
);
create index own_evidence_made on registry.own_evidence (tenant_id, release_digest, made_at desc, id desc);
comment on table registry.own_evidence is 'manifests of a tenant''s releases and signed statements about them; added, never changed';
alter table registry.own_evidence enable row level security;
alter table registry.own_evidence force row level security;
create policy own_tenant on registry.own_evidence to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy operator_read on registry.own_evidence for select to sr_operator using (true);
grant select, insert on registry.own_evidence to sr_control;
grant select on registry.own_evidence to sr_operator;

-- A deployment is of a release of the installation, of one of the tenant's own, or of targets outside.
alter table registry.deployment add column own_digest text;
alter table registry.deployment add constraint deployment_own_digest_fkey
    foreign key (tenant_id, own_digest) references registry.own_release (tenant_id, digest);
alter table registry.deployment drop constraint deployment_serves;
alter table registry.deployment add constraint deployment_serves
    check (num_nonnulls(release_digest, own_digest, kind) = 1);
