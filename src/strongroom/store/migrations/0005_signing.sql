-- Signed requests: the public keys that workloads sign with, and the nonces of signatures that were taken.

create table identity.signer (
    tenant_id      uuid        not null references identity.tenant (tenant_id),
    id             text        not null check (id ~ '^[0-9a-f]{32}$'),
    workload_id    uuid        not null,
    algorithm      text        not null check (algorithm in ('ed25519', 'ecdsa-p256-sha256')),
    public_key     bytea       not null check (octet_length(public_key) between 32 and 512),
    label          text        not null default '',
    owner          text        not null check (owner <> ''),
    created_at     timestamptz not null default now(),
    expires_at     timestamptz not null,
    revoked_at     timestamptz,
    revoked_reason text,
    primary key (tenant_id, id),
    foreign key (tenant_id, workload_id) references identity.workload (tenant_id, id),
    check (expires_at > created_at),
    check ((revoked_at is null) = (revoked_reason is null))
);
create index signer_workload on identity.signer (tenant_id, workload_id);
comment on table identity.signer is 'public keys that workloads sign their requests with; the id is the key''s own, so one that ended never comes back';
alter table identity.signer enable row level security;
alter table identity.signer force row level security;
create policy own_tenant on identity.signer to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert, update (revoked_at, revoked_reason) on identity.signer to sr_control;

-- The primary key is the whole of the replay check: the second insert of a nonce violates it, in whichever process. A
-- gateway cannot look one up. `at` is the database's word: no gateway can make a nonce look old.
create table gateway.nonce (
    tenant_id uuid        not null,
    signer    text        not null check (octet_length(signer) = 32),
    nonce     bytea       not null check (octet_length(nonce) = 16),
    at        timestamptz not null default now(),
    primary key (tenant_id, signer, nonce)
);
create index nonce_at on gateway.nonce (at);
comment on table gateway.nonce is 'digests of nonces of signed requests; each is kept for longer than its signature can count, then erased';
alter table gateway.nonce enable row level security;
alter table gateway.nonce force row level security;
create policy gateway_append on gateway.nonce for insert to sr_gateway with check (true);
-- A signature counts for a minute and some seconds. Whatever a gateway deletes, only what is five minutes old goes.
create policy gateway_erase on gateway.nonce for delete to sr_gateway using (at < now() - interval '5 minutes');
grant insert (tenant_id, signer, nonce), delete on gateway.nonce to sr_gateway;
