-- Evidence of others: bills of materials, scans, provenance. Nothing here is believed because it is here: what was read of a
-- document is sealed by the installation, and the document names who signed it.

create table registry.outside_evidence (
    subject_digest text        not null check (subject_digest ~ '^sha256:[0-9a-f]{64}$'),
    id             uuid        not null,
    about          text        not null check (about in ('release', 'runtime', 'image')),
    document       text        not null check (document ~ '^sha256:[0-9a-f]{64}$'),
    seal           bytea       not null check (octet_length(seal) between 1 and 8388608),
    sealed         bytea       not null check (octet_length(sealed) between 1 and 8388608),
    made_at        timestamptz not null,
    primary key (id),
    unique (subject_digest, about, document)
);
create index outside_evidence_made on registry.outside_evidence (subject_digest, made_at desc, id desc);
comment on table registry.outside_evidence is 'signed documents of others about releases of the installation, about itself and its image; added, never changed; of the installation, not of a tenant';
grant select on registry.outside_evidence to sr_control;
grant select, insert on registry.outside_evidence to sr_operator;

create table registry.own_outside_evidence (
    tenant_id      uuid        not null,
    subject_digest text        not null,
    id             uuid        not null,
    about          text        not null check (about = 'release'),
    document       text        not null check (document ~ '^sha256:[0-9a-f]{64}$'),
    seal           bytea       not null check (octet_length(seal) between 1 and 8388608),
    sealed         bytea       not null check (octet_length(sealed) between 1 and 8388608),
    made_at        timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, subject_digest, about, document),
    foreign key (tenant_id, subject_digest) references registry.own_release (tenant_id, digest)
);
create index own_outside_evidence_made on registry.own_outside_evidence (tenant_id, subject_digest, made_at desc, id desc);
comment on table registry.own_outside_evidence is 'signed documents of others about a tenant''s own releases; added, never changed';
alter table registry.own_outside_evidence enable row level security;
alter table registry.own_outside_evidence force row level security;
create policy own_tenant on registry.own_outside_evidence to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy operator_read on registry.own_outside_evidence for select to sr_operator using (true);
grant select, insert on registry.own_outside_evidence to sr_control;
grant select on registry.own_outside_evidence to sr_operator;

-- Which installation served when a deployment was made: the digest of `strongroom runtime bom`.
alter table registry.deployment add column runtime text check (runtime ~ '^sha256:[0-9a-f]{64}$');
comment on column registry.deployment.runtime is 'digest of the installation as it was when the deployment was made; none: before this column, or of targets outside';
