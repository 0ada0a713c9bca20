-- How long things are kept, what is kept beyond that, and what was dropped. Nothing is dropped without a rule.

create schema retention;
comment on schema retention is 'how long things are kept, what is kept beyond that and why, and what was dropped';
grant usage on schema retention to sr_operator, sr_control;

create table retention.rule (
    tenant_id uuid        not null,
    class     text        not null check (class in ('records')),
    days      integer     not null check (days between 1 and 3660),
    reason    text        not null check (octet_length(reason) between 1 and 512),
    set_by    text        not null,
    set_at    timestamptz not null default now(),
    primary key (tenant_id, class)
);
comment on table retention.rule is 'for how many days a class of rows is kept; of a tenant, or (tenant_id zero) of all that have none of their own';
create table retention.hold (
    tenant_id   uuid        not null check (tenant_id <> '00000000-0000-0000-0000-000000000000'),
    id          uuid        not null,
    class       text        not null check (class in ('records')),
    kind        text        not null check (kind in ('hold', 'exception')),
    owner       text        not null check (octet_length(owner) between 1 and 128),
    reason      text        not null check (octet_length(reason) between 1 and 512),
    until       timestamptz,
    set_by      text        not null,
    set_at      timestamptz not null default now(),
    released_at timestamptz,
    released_by text,
    primary key (tenant_id, id),
    check (kind = 'hold' or until is not null) -- an exception ends by itself; a legal hold, when somebody releases it
);
comment on table retention.hold is 'why a tenant''s rows are kept beyond their days: a legal hold, or an exception that expires';
create table retention.manifest (
    tenant_id  uuid        not null,
    class      text        not null,
    day        date        not null,
    rows       bigint      not null check (rows > 0),
    root       bytea       not null check (octet_length(root) = 32),
    dropped_at timestamptz not null default now(),
    request_id text        not null,
    primary key (tenant_id, class, day, dropped_at)
);
comment on table retention.manifest is 'what was dropped: how many rows of which day, and the root over them; the same stands in the tenant''s log, signed';

alter table retention.rule enable row level security;
alter table retention.rule force row level security;
alter table retention.hold enable row level security;
alter table retention.hold force row level security;
alter table retention.manifest enable row level security;
alter table retention.manifest force row level security;
create policy operator_all on retention.rule to sr_operator using (true) with check (true);
create policy operator_all on retention.hold to sr_operator using (true) with check (true);
create policy operator_read on retention.manifest for select to sr_operator using (true);
create policy own_tenant_append on retention.manifest for insert to sr_control
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy dropped_by on retention.rule for select to sr_owner using (true);
create policy dropped_by on retention.hold for select to sr_owner using (true);
grant select, insert, update (days, reason, set_by, set_at) on retention.rule to sr_operator;
grant select, insert, update (released_at, released_by) on retention.hold to sr_operator;
grant select on retention.manifest to sr_operator;
grant insert on retention.manifest to sr_control;

-- Only the owner can remove a row, by these functions, and each asks by itself whether it may.
create policy dropped_by on gateway.record for select to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy dropped_by_day on gateway.record for delete to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);

create function retention.drop_records(of_day date) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    of_tenant uuid := nullif(current_setting('strongroom.tenant', true), '')::uuid;
    kept      integer;
    gone      bigint;
begin
    select r.days into kept from retention.rule r
    where r.class = 'records' and r.tenant_id in (of_tenant, '00000000-0000-0000-0000-000000000000')
    order by r.tenant_id = of_tenant desc limit 1;
    if kept is null or of_day >= (now() at time zone 'utc')::date - kept then
        raise exception 'these records are to be kept' using errcode = 'check_violation';
    end if;
    if exists (select from retention.hold h where h.tenant_id = of_tenant and h.class = 'records' and h.released_at is null
               and (h.until is null or h.until > now())) then
        raise exception 'these records are held' using errcode = 'check_violation';
    end if;
    delete from gateway.record r where r.tenant_id = of_tenant and r.day = of_day;
    get diagnostics gone = row_count;
    return gone;
end $$;
comment on function retention.drop_records is 'drops the records of one day of the tenant that is set, when a rule says so and nothing holds them';
revoke execute on function retention.drop_records from public;
grant execute on function retention.drop_records to sr_control;

-- Days to come get a partition each; days that are past and empty lose it. What is in a partition is never dropped with it.
create function retention.tend_days(ahead integer) returns table (made bigint, dropped bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    today date := (now() at time zone 'utc')::date;
    name  text;
    found record;
    empty boolean;
begin
    made := 0;
    dropped := 0;
    for number in 1 .. least(greatest(ahead, 0), 31) loop
        name := 'record_' || to_char(today + number, 'YYYYMMDD');
        if to_regclass('gateway.' || name) is null then
            execute format('create table gateway.%I partition of gateway.record for values from (%L) to (%L)',
                           name, today + number, today + number + 1);
            execute format('alter table gateway.%I enable row level security, force row level security', name);
            execute format('comment on table gateway.%I is %L', name, 'records of one day');
            made := made + 1;
        end if;
    end loop;
    for found in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'gateway.record'::regclass and c.relname ~ '^record_[0-9]{8}$'
          and to_date(substring(c.relname from 8), 'YYYYMMDD') < today - 1
    loop
        -- The owner is bound by row security too, and would see nothing: it is asked without.
        execute format('alter table gateway.%I no force row level security', found.relname);
        execute format('select not exists (select from gateway.%I)', found.relname) into empty;
        if empty then
            execute format('drop table gateway.%I', found.relname);
            dropped := dropped + 1;
        else
            execute format('alter table gateway.%I force row level security', found.relname);
        end if;
    end loop;
    return next;
end $$;
comment on function retention.tend_days is 'makes the partitions of days to come, and drops those of past days that are empty';
revoke execute on function retention.tend_days from public;
grant execute on function retention.tend_days to sr_operator;
