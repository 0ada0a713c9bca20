-- What releases came to in suites, and what turned out to be right where they serve.

-- Signed statements: nothing here is believed because it is here.
create table registry.evaluation (
    tenant_id      uuid        not null references identity.tenant (tenant_id),
    id             uuid        not null,
    release_digest text        not null check (release_digest ~ '^sha256:[0-9a-f]{64}$'),
    environment    text        not null check (environment in ('dev', 'test', 'prod')),
    statement      bytea       not null check (octet_length(statement) between 1 and 1048576),
    made_at        timestamptz not null,
    primary key (tenant_id, id)
);
create index evaluation_made on registry.evaluation (tenant_id, release_digest, made_at desc, id desc);
comment on table registry.evaluation is 'signed results of suites, by tenant and release; added, never changed; no answers in them';
alter table registry.evaluation enable row level security;
alter table registry.evaluation force row level security;
create policy own_tenant on registry.evaluation to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy operator_read on registry.evaluation for select to sr_operator using (true);
grant select, insert on registry.evaluation to sr_control;
grant select on registry.evaluation to sr_operator;

create table registry.label (
    tenant_id      uuid        not null references identity.tenant (tenant_id),
    request_id     uuid        not null,
    release_digest text        not null,
    environment    text        not null check (environment in ('dev', 'test', 'prod')),
    asked_at       timestamptz not null,
    label          text        not null check (length(label) between 1 and 64),
    predicted      text        not null check (length(predicted) between 1 and 64),
    score          double precision,
    told_at        timestamptz not null,
    erased_at      timestamptz,
    primary key (tenant_id, request_id)
);
create index label_asked on registry.label (tenant_id, release_digest, environment, asked_at desc);
comment on table registry.label is 'what turned out to be right for a request, what was predicted, and the score; never what was asked';
alter table registry.label enable row level security;
alter table registry.label force row level security;
create policy own_tenant on registry.label to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert, update (label, predicted, score, told_at, erased_at) on registry.label to sr_control;
