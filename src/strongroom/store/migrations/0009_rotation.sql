-- A key's successor, and how one is handed over once.

alter table identity.key
    add column replaced_by text,
    add column replaced_at timestamptz,
    add column retires_at  timestamptz,
    add foreign key (tenant_id, replaced_by) references identity.key (tenant_id, id),
    add check ((replaced_by is null) = (replaced_at is null)),
    add check ((replaced_by is null) = (retires_at is null)),
    add check (replaced_by <> id);
create index key_replaced_by on identity.key (tenant_id, replaced_by) where replaced_by is not null;
comment on column identity.key.retires_at is 'when a replaced key stops counting; it may end before that and never after';
grant update (replaced_by, replaced_at, retires_at) on identity.key to sr_control;
grant select (replaced_by, replaced_at, retires_at) on identity.key to sr_operator;

-- What is sealed here opens with the delivery's own text, which is kept nowhere: not with anything of this installation.
create table identity.delivery (
    tenant_id  uuid        not null,
    id         text        not null check (id ~ '^[0-9a-z]{16}$'),
    key_id     text        not null,
    sealed     bytea       not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    opened_at  timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, key_id) references identity.key (tenant_id, id),
    check (expires_at > created_at),
    check (opened_at is null or octet_length(sealed) = 0)
);
create index delivery_key on identity.delivery (tenant_id, key_id);
comment on table identity.delivery is 'links that hand a key over once: what they carry is gone with the first opening';
alter table identity.delivery enable row level security;
alter table identity.delivery force row level security;
create policy own_tenant on identity.delivery to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert, update (opened_at, sealed) on identity.delivery to sr_control;
