-- System prompts: what a tenant's deployments say to a model before anybody's request. A prompt is named by the digest of its
-- document and never changes; its text rests sealed, and nothing here is believed because it is here: the digest is computed
-- anew, and approvals are signed statements that are verified whenever a deployment asks for the prompt.

create table registry.prompt (
    tenant_id  uuid        not null references identity.tenant (tenant_id),
    digest     text        not null check (digest ~ '^sha256:[0-9a-f]{64}$'),
    name       text        not null,
    version    text        not null,
    author     text        not null,
    sealed     bytea       not null check (octet_length(sealed) <= 262144),
    size       integer     not null check (size > 0),
    created_at timestamptz not null,
    erased_at  timestamptz,
    primary key (tenant_id, digest),
    unique (tenant_id, name, version),
    check ((erased_at is null) = (octet_length(sealed) > 0))
);
comment on table registry.prompt is 'system prompts of a tenant by digest, their text sealed; erased with their tenant';
alter table registry.prompt enable row level security;
alter table registry.prompt force row level security;
create policy own_tenant on registry.prompt to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert, update (sealed, erased_at) on registry.prompt to sr_control;

-- `account_id` is no key of another table: who approved is told by the statement's signature, which outlives the account.
create table registry.prompt_approval (
    tenant_id  uuid        not null,
    id         uuid        not null,
    digest     text        not null,
    account_id uuid        not null,
    statement  bytea       not null check (octet_length(statement) between 1 and 16384),
    made_at    timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, digest) references registry.prompt (tenant_id, digest)
);
create index prompt_approval_made on registry.prompt_approval (tenant_id, digest, made_at desc);
comment on table registry.prompt_approval is 'signed approvals of system prompts; added, never changed';
alter table registry.prompt_approval enable row level security;
alter table registry.prompt_approval force row level security;
create policy own_tenant on registry.prompt_approval to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert on registry.prompt_approval to sr_control;

alter table registry.deployment add column prompt_digest text;
alter table registry.deployment add constraint deployment_prompt
    foreign key (tenant_id, prompt_digest) references registry.prompt (tenant_id, digest);

-- Who says yes is looked up by name where a tenant's prompt is approved: approvers alone, who belong to no tenant.
grant select (name) on identity.account to sr_control;
