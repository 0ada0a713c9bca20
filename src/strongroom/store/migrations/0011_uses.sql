-- Where and by what keys are used: seen by the gateways, which may add and read nothing back.

create table gateway.key_use (
    tenant_id uuid        not null,
    key_id    text        not null check (key_id ~ '^[0-9a-z]{16}$'),
    slot      timestamptz not null,
    address   text        not null check (length(address) <= 64),
    agent     text        not null check (length(agent) <= 64),
    country   text        not null default '' check (length(country) <= 8),
    primary key (tenant_id, key_id, slot, address, agent)
);
comment on table gateway.key_use is 'from which address and by which agent a key was used in which hour; no content';
alter table gateway.key_use enable row level security;
alter table gateway.key_use force row level security;
create policy own_tenant_read on gateway.key_use for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy gateway_append on gateway.key_use for insert to sr_gateway with check (true);
grant select on gateway.key_use to sr_control;
grant insert on gateway.key_use to sr_gateway;

-- What was new of a key is what an insert here did not find: the gateways need no right to read for that.
create table gateway.key_first (
    tenant_id uuid        not null,
    key_id    text        not null check (key_id ~ '^[0-9a-z]{16}$'),
    kind      text        not null check (kind in ('use', 'network', 'agent', 'country', 'asn', 'scope')),
    value     text        not null check (length(value) <= 128),
    at        timestamptz not null,
    primary key (tenant_id, key_id, kind, value)
);
comment on table gateway.key_first is 'when a key was first used at all, and from which network, by which agent, for what';
alter table gateway.key_first enable row level security;
alter table gateway.key_first force row level security;
create policy own_tenant_read on gateway.key_first for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy gateway_append on gateway.key_first for insert to sr_gateway with check (true);
grant select on gateway.key_first to sr_control;
grant insert on gateway.key_first to sr_gateway;

-- What a key touched is asked for by key and time.
create index record_key on gateway.record (tenant_id, key_id, at desc);
