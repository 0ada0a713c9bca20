-- Federation: whose tokens are exchanged for which workload's, and what was given out.

create table identity.federation_rule (
    tenant_id    uuid        not null references identity.tenant (tenant_id),
    id           uuid        not null,
    workload_id  uuid        not null,
    kind         text        not null check (kind in ('oidc', 'github', 'kubernetes', 'spiffe')),
    issuer       text        not null check (issuer <> ''),
    audience     text        not null check (audience <> ''),
    subject      text        not null check (subject <> ''),
    claims       jsonb       not null default '{}',
    keys_url     text,
    keys         text,
    ca           text,
    networks     text[]      not null default '{}',
    proof        text        check (proof in ('dpop', 'mtls')),
    max_age_s    integer     not null check (max_age_s between 1 and 3600),
    token_s      integer     not null check (token_s between 60 and 3600),
    label        text        not null default '',
    owner        text        not null check (owner <> ''),
    created_at   timestamptz not null default now(),
    ended_at     timestamptz,
    ended_reason text,
    primary key (tenant_id, id),
    foreign key (tenant_id, workload_id) references identity.workload (tenant_id, id),
    check ((ended_at is null) = (ended_reason is null))
);
create index federation_rule_workload on identity.federation_rule (tenant_id, workload_id);
comment on table identity.federation_rule is 'whose token is taken for which workload; never changed, so what was given out under one means what it meant';
alter table identity.federation_rule enable row level security;
alter table identity.federation_rule force row level security;
create policy own_tenant on identity.federation_rule to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert, update (ended_at, ended_reason) on identity.federation_rule to sr_control;

-- The unique digest is the whole of the replay check: the second exchange of one token violates it, in whichever process
-- and after any restart. It is kept until the token that was shown has ended.
create table identity.access_token (
    tenant_id      uuid        not null references identity.tenant (tenant_id),
    id             text        not null check (id ~ '^[0-9a-z]{16}$'),
    rule_id        uuid        not null,
    replay         bytea       not null check (octet_length(replay) = 32),
    replay_until   timestamptz not null,
    issued_at      timestamptz not null default now(),
    expires_at     timestamptz not null,
    revoked_at     timestamptz,
    revoked_reason text,
    primary key (tenant_id, id),
    foreign key (tenant_id, rule_id) references identity.federation_rule (tenant_id, id),
    check (expires_at > issued_at),
    check ((revoked_at is null) = (revoked_reason is null))
);
create unique index access_token_replay on identity.access_token (tenant_id, replay);
create index access_token_rule on identity.access_token (tenant_id, rule_id);
create index access_token_issued on identity.access_token (tenant_id, issued_at desc);
comment on table identity.access_token is 'access tokens that were given out, without their text, and the digest of what each was given for';
alter table identity.access_token enable row level security;
alter table identity.access_token force row level security;
create policy own_tenant on identity.access_token for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy own_tenant_add on identity.access_token for insert to sr_control
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy own_tenant_end on identity.access_token for update to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
-- Neither token counts any more, and the audit log says for longer what was given out.
create policy own_tenant_erase on identity.access_token for delete to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid
           and greatest(replay_until, expires_at) < now() - interval '30 days');
grant select, insert, update (revoked_at, revoked_reason), delete on identity.access_token to sr_control;
