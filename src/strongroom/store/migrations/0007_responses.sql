-- Answers that a workload asked to have kept (`store: true`), so that a later request may go on from them.
--
-- This is content, so it is sealed: the database holds bytes that only a gateway's key opens, for the tenant, environment,
-- workload and id that stand beside them. Unlike its other tables the gateway reads this one, and sees one tenant at a time.
-- How much a tenant and a workload may have kept, the gateway's insert asks of this table; one answer is bounded here too.

create table gateway.response (
    tenant_id   uuid        not null references identity.tenant (tenant_id),
    id          text        not null check (id ~ '^resp_[0-9a-f]{32}$'),
    environment text        not null check (environment in ('dev', 'test', 'prod')),
    workload_id uuid        not null,
    expires_at  timestamptz not null check (expires_at <= now() + interval '31 days'),
    sealed      bytea       not null check (octet_length(sealed) between 1 and 1049600),
    octets      integer     not null generated always as (octet_length(sealed)) stored,
    primary key (tenant_id, id),
    foreign key (tenant_id, workload_id) references identity.workload (tenant_id, id)
);
create index response_end on gateway.response (expires_at);
-- What a tenant has kept is added up at each insert, from the index alone: the answers themselves are not touched.
create index response_workload on gateway.response (tenant_id, workload_id) include (expires_at, octets);
comment on table gateway.response is 'answers that were asked to be kept, sealed; each ends by itself';
alter table gateway.response enable row level security;
alter table gateway.response force row level security;
create policy own_tenant_add on gateway.response for insert to sr_gateway
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy own_tenant_read on gateway.response for select to sr_gateway
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and expires_at > now());
create policy own_tenant_drop on gateway.response for delete to sr_gateway
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
-- Without a tenant: what has ended goes, whosever it was, and nothing is seen of it.
create policy ended on gateway.response for delete to sr_gateway using (expires_at <= now());
grant select, insert, delete on gateway.response to sr_gateway;
