-- Lists of tenants' own values, as hashes under keys of theirs: what is on one cannot be told from it.

create table rules.value_list (
    tenant_id  uuid        not null references identity.tenant (tenant_id),
    name       text        not null check (name ~ '^[a-z][a-z0-9_]{0,39}$'),
    part       integer     not null check (part >= 1),
    hashes     bytea       not null check (octet_length(hashes) between 16 and 16000 and octet_length(hashes) % 16 = 0),
    most_words integer     not null check (most_words between 1 and 6),
    at         timestamptz not null,
    author     text        not null check (length(author) between 1 and 200),
    primary key (tenant_id, name, part)
);
comment on table rules.value_list is 'values that a tenant wants to be found, as HMACs of 16 bytes under a key of the tenant and list, in no order';
alter table rules.value_list enable row level security;
alter table rules.value_list force row level security;
create policy own_tenant on rules.value_list to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy dropped_read on rules.value_list for select to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy dropped_by on rules.value_list for delete to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert on rules.value_list to sr_control;

create function rules.drop_value_lists(of_name text) returns table (list text, number integer)
language sql security definer set search_path = pg_catalog, pg_temp as $$
    delete from rules.value_list v
    where v.tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and (of_name is null or v.name = of_name)
    returning v.name, v.part
$$;
comment on function rules.drop_value_lists is 'removes a list of the tenant that is set, or all of its lists';
revoke execute on function rules.drop_value_lists from public;
grant execute on function rules.drop_value_lists to sr_control;
