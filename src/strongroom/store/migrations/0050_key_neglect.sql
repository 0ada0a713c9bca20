-- Keys that nobody uses: which of them the log was told of, so that each is told once, and once more after it was used again.

create table identity.key_neglect (
    tenant_id uuid        not null references identity.tenant (tenant_id),
    key_id    text        not null check (length(key_id) between 1 and 64),
    concern   text        not null check (concern in ('stale', 'never-used')),
    told_at   timestamptz not null,
    primary key (tenant_id, key_id, concern)
);
comment on table identity.key_neglect is 'when the log was told that a key is not used';
alter table identity.key_neglect enable row level security;
alter table identity.key_neglect force row level security;
create policy own_tenant on identity.key_neglect to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert, update (told_at) on identity.key_neglect to sr_control;
