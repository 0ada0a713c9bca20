-- Upstreams outside this machine, and deployments that name them.

--------------------------------------------------------------------------------------------------------------- providers

create schema providers;
comment on schema providers is 'upstreams outside this machine: where they are, under which agreement, open to whom';
grant usage on schema providers to sr_control, sr_operator;

create table providers.provider (
    id             uuid        not null,
    name           text        not null check (name ~ '^[a-z0-9][a-z0-9.-]{0,62}$'),
    kind           text        not null check (kind in ('openai', 'anthropic', 'oip')),
    engine         text        not null check (engine in ('openai', 'vllm', 'other')),
    base_url       text        not null check (base_url ~ '^https?://' and length(base_url) <= 512),
    ca             text        check (length(ca) <= 65536),
    secret         bytea       check (octet_length(secret) <= 8192),
    secret_version integer     not null check (secret_version > 0),
    open_to        uuid[],
    region         text,
    agreement      text,
    assessed_on    date,
    assessed_until date,
    owner          text        not null,
    version        integer     not null check (version > 0),
    created_at     timestamptz not null default now(),
    changed_at     timestamptz not null default now(),
    deleted_at     timestamptz,
    primary key (id),
    check ((assessed_on is null) = (assessed_until is null) and assessed_until >= assessed_on),
    -- What is gone can answer to nobody.
    check (deleted_at is null or secret is null)
);
create unique index provider_name on providers.provider (name) where deleted_at is null;
comment on table providers.provider is 'one row per upstream outside this machine; its secret is sealed, never readable here';
comment on column providers.provider.open_to is 'the tenants that may name it; null: all of them';
comment on column providers.provider.secret is 'sealed under the keyring, bound to id, secret_version, kind and base_url';
alter table providers.provider enable row level security;
alter table providers.provider force row level security;
create policy operator_all on providers.provider to sr_operator using (true) with check (true);
-- A tenant sees what is open to it, by the columns granted below: neither address nor secret are among them.
create policy open_to_tenant on providers.provider for select to sr_control
    using (deleted_at is null and nullif(current_setting('strongroom.tenant', true), '') is not null
           and coalesce(nullif(current_setting('strongroom.tenant', true), '')::uuid = any (open_to), true));
grant select, insert, update on providers.provider to sr_operator;
grant select (id, name, kind, open_to, region, agreement, assessed_on, assessed_until, owner, deleted_at)
    on providers.provider to sr_control;

---------------------------------------------------------------------------------------------------------------- registry

alter table registry.release drop constraint release_kind_check;
alter table registry.release add constraint release_kind_check
    check (kind in ('chat', 'embedding', 'moderation', 'infer'));
alter table registry.release drop constraint release_format_check;
alter table registry.release add constraint release_format_check check (format in ('gguf', 'onnx', 'skops'));

-- A deployment is one release on workers of this machine, or targets outside; then it says itself what it can be asked.
alter table registry.deployment alter column release_digest drop not null;
alter table registry.deployment add column kind text check (kind in ('chat', 'embedding', 'moderation', 'infer'));
alter table registry.deployment add constraint deployment_serves check ((release_digest is null) = (kind is not null));

create table registry.target (
    tenant_id     uuid    not null,
    deployment_id uuid    not null,
    position      integer not null check (position between 0 and 15),
    provider_id   uuid    not null references providers.provider (id),
    model         text    not null check (model ~ '^[[:graph:]]{1,200}$'),
    weight        integer not null check (weight between 1 and 1000),
    fallback      integer not null check (fallback between 0 and 15),
    primary key (tenant_id, deployment_id, position),
    foreign key (tenant_id, deployment_id) references registry.deployment (tenant_id, id)
);
comment on table registry.target is 'which providers answer for a deployment: their name for the model, weights, and who stands in';
alter table registry.target enable row level security;
alter table registry.target force row level security;
create policy own_tenant on registry.target to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy operator_read on registry.target for select to sr_operator using (true);
grant select, insert on registry.target to sr_control;
grant select on registry.target to sr_operator;
