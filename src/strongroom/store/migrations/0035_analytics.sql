-- What is left of records when they go: counts by the day, without anybody's name, key or workload.

create table retention.analytics (
    tenant_id     uuid     not null,
    day           date     not null,
    part          integer  not null check (part >= 0),
    deployment    text     not null check (deployment ~ '^[0-9a-f-]{36}$' or deployment in ('', '*')),
    release       text     not null check (length(release) <= 128),
    operation     text     not null check (length(operation) <= 64),
    outcome       text     not null check (length(outcome) <= 16),
    requests      bigint   not null check (requests > 0),
    input_tokens  bigint   not null check (input_tokens >= 0),
    output_tokens bigint   not null check (output_tokens >= 0),
    cost_micro    bigint   not null check (cost_micro >= 0),
    duration      bigint[] not null check (array_length(duration, 1) = 11),
    first_byte    bigint[] not null check (array_length(first_byte, 1) = 11),
    findings      jsonb    not null check (octet_length(findings::text) <= 65536),
    primary key (tenant_id, day, part, deployment, release, operation, outcome)
);
comment on table retention.analytics is 'records of a day in sum: by deployment, release, operation and outcome, small groups folded into one; no subject, key or workload';
create table retention.summary (
    tenant_id uuid        not null,
    day       date        not null,
    part      integer     not null check (part >= 0),
    records   bigint      not null check (records > 0),
    smallest  integer     not null check (smallest between 1 and 1000),
    at        timestamptz not null default now(),
    primary key (tenant_id, day, part)
);
comment on table retention.summary is 'which days of a tenant''s records are in the analytics, and of how many records; a further part is of what came after a drop';

alter table retention.rule add column smallest integer check (smallest between 1 and 1000);
alter table retention.rule add check (smallest is null or class = 'analytics');
comment on column retention.rule.smallest is 'of how many callers and requests a group has at fewest that is shown by itself; null: 5';
alter table retention.rule drop constraint rule_class_check;
alter table retention.rule add constraint rule_class_check check (class in ('records', 'captures', 'analytics'));
alter table retention.hold drop constraint hold_class_check;
alter table retention.hold add constraint hold_class_check check (class in ('records', 'captures', 'analytics'));
grant update (smallest) on retention.rule to sr_operator;

alter table retention.analytics enable row level security;
alter table retention.analytics force row level security;
alter table retention.summary enable row level security;
alter table retention.summary force row level security;
create policy own_tenant_read on retention.analytics for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy own_tenant_read on retention.summary for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy summed_by on retention.analytics to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy summed_by on retention.summary to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy summed_by on retention.manifest for select to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select on retention.analytics to sr_control;
grant select on retention.summary to sr_control;

-- One bucket for each bound and one beyond: 50 and 100 ms, then 0.25, 0.5, 1, 2.5, 5, 10, 30 and 60 s.
create function retention.bucket(microseconds bigint) returns integer
language sql immutable set search_path = pg_catalog, pg_temp as $$
    select width_bucket(microseconds, array[50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000,
                                            60000000]::bigint[]) + 1
$$;
comment on function retention.bucket is 'the number of the bucket of a duration, from 1';
revoke execute on function retention.bucket from public;

create function retention.summarise(of_day date) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    of_tenant uuid := nullif(current_setting('strongroom.tenant', true), '')::uuid;
    of_part   integer;
    fewest     integer;
    there     bigint;
begin
    if of_tenant is null or of_day >= (now() at time zone 'utc')::date then
        raise exception 'that day is not over' using errcode = 'check_violation';
    end if;
    perform pg_advisory_xact_lock(hashtextextended('retention.summarise ' || of_tenant, 0));
    select count(*) into of_part from retention.manifest m
    where m.tenant_id = of_tenant and m.class = 'records' and m.day = of_day;
    select r.smallest into fewest from retention.rule r
    where r.class = 'analytics' and r.tenant_id in (of_tenant, '00000000-0000-0000-0000-000000000000')
    order by r.tenant_id = of_tenant desc limit 1;
    fewest := coalesce(fewest, 5);
    delete from retention.analytics a where a.tenant_id = of_tenant and a.day = of_day and a.part = of_part;
    delete from retention.summary s where s.tenant_id = of_tenant and s.day = of_day and s.part = of_part;
    with record as materialized (
        select coalesce(r.deployment_id::text, '') as deployment, coalesce(r.release_digest, '') as release, r.operation,
               r.outcome, coalesce(r.subject, r.key_id) as caller, r.input_tokens, r.output_tokens, r.cost_micro,
               retention.bucket(r.duration_us) as took, retention.bucket(r.first_byte_us) as first, r.findings
        from gateway.record r where r.tenant_id = of_tenant and r.day = of_day
    ), grouped as (
        select deployment, release, operation, outcome, count(*) as requests,
               count(*) >= fewest and count(distinct caller) >= fewest as stands
        from record group by deployment, release, operation, outcome
    ), small as (
        select count(*) as requests, count(distinct r.caller) as callers
        from record r join grouped g using (deployment, release, operation, outcome) where not g.stands
    ), told as (
        -- What was folded may be too small itself, and would be told by what is missing from a sum: the smallest group that
        -- stands goes with it.
        select g.deployment, g.release, g.operation, g.outcome, g.stands and not (
                   s.requests > 0 and (s.requests < fewest or s.callers < fewest)
                   and row_number() over (partition by g.stands order by g.requests, g.deployment, g.release, g.operation,
                                          g.outcome) = 1) as stands
        from grouped g cross join small s
    ), placed as materialized (
        select case when t.stands then r.deployment else '*' end as deployment,
               case when t.stands then r.release else '*' end as release,
               case when t.stands then r.operation else '*' end as operation,
               case when t.stands then r.outcome else '*' end as outcome,
               r.caller, r.input_tokens, r.output_tokens, r.cost_micro, r.took, r.first, r.findings
        from record r join told t using (deployment, release, operation, outcome)
    ), met as (
        select deployment, release, operation, outcome, jsonb_object_agg(way, types) as findings
        from (
            select deployment, release, operation, outcome, way, jsonb_object_agg(type, often) as types
            from (
                select p.deployment, p.release, p.operation, p.outcome, d.key as way, f.key as type, sum(f.value::bigint) as often
                from placed p cross join lateral jsonb_each(p.findings) d cross join lateral jsonb_each_text(d.value) f
                where p.findings is not null
                group by p.deployment, p.release, p.operation, p.outcome, d.key, f.key
            ) by_type group by deployment, release, operation, outcome, way
        ) by_way group by deployment, release, operation, outcome
    ), summed as (
        select deployment, release, operation, outcome, count(*) as requests,
               count(*) >= fewest and count(distinct caller) >= fewest as enough,
               sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens, sum(cost_micro) as cost_micro,
               array[count(*) filter (where took = 1), count(*) filter (where took = 2), count(*) filter (where took = 3),
                     count(*) filter (where took = 4), count(*) filter (where took = 5), count(*) filter (where took = 6),
                     count(*) filter (where took = 7), count(*) filter (where took = 8), count(*) filter (where took = 9),
                     count(*) filter (where took = 10), count(*) filter (where took = 11)] as duration,
               array[count(*) filter (where first = 1), count(*) filter (where first = 2), count(*) filter (where first = 3),
                     count(*) filter (where first = 4), count(*) filter (where first = 5), count(*) filter (where first = 6),
                     count(*) filter (where first = 7), count(*) filter (where first = 8), count(*) filter (where first = 9),
                     count(*) filter (where first = 10), count(*) filter (where first = 11)] as first_byte
        from placed group by deployment, release, operation, outcome
    )
    insert into retention.analytics (tenant_id, day, part, deployment, release, operation, outcome, requests, input_tokens,
                                     output_tokens, cost_micro, duration, first_byte, findings)
    select of_tenant, of_day, of_part, deployment, release, operation, outcome, requests,
           case when enough then input_tokens else 0 end, case when enough then output_tokens else 0 end,
           case when enough then cost_micro else 0 end,
           case when enough then duration else array_fill(0::bigint, array[11]) end,
           case when enough then first_byte else array_fill(0::bigint, array[11]) end,
           case when enough then coalesce(m.findings, '{}') else '{}' end
    from summed left join met m using (deployment, release, operation, outcome);
    select coalesce(sum(a.requests), 0) into there from retention.analytics a
    where a.tenant_id = of_tenant and a.day = of_day and a.part = of_part;
    if there > 0 then
        insert into retention.summary (tenant_id, day, part, records, smallest) values (of_tenant, of_day, of_part, there, fewest);
    end if;
    return there;
end $$;
comment on function retention.summarise is 'sums the records of a day that is over, of the tenant that is set, into the analytics, and returns how many there were';
revoke execute on function retention.summarise from public;
grant execute on function retention.summarise to sr_control;

create or replace function retention.drop_records(of_day date) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    of_tenant uuid := nullif(current_setting('strongroom.tenant', true), '')::uuid;
    kept      integer;
    summed    bigint;
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
    select s.records into summed from retention.summary s
    where s.tenant_id = of_tenant and s.day = of_day and s.part = (
        select count(*) from retention.manifest m where m.tenant_id = of_tenant and m.class = 'records' and m.day = of_day);
    delete from gateway.record r where r.tenant_id = of_tenant and r.day = of_day;
    get diagnostics gone = row_count;
    if gone is distinct from coalesce(summed, 0) then
        raise exception 'these records are not in the analytics yet' using errcode = 'check_violation';
    end if;
    return gone;
end $$;

create function retention.drop_analytics(of_day date) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    of_tenant uuid := nullif(current_setting('strongroom.tenant', true), '')::uuid;
    kept      integer;
    gone      bigint;
begin
    select r.days into kept from retention.rule r
    where r.class = 'analytics' and r.tenant_id in (of_tenant, '00000000-0000-0000-0000-000000000000')
    order by r.tenant_id = of_tenant desc limit 1;
    if kept is null or of_day >= (now() at time zone 'utc')::date - kept then
        raise exception 'these figures are to be kept' using errcode = 'check_violation';
    end if;
    if exists (select from retention.hold h where h.tenant_id = of_tenant and h.class = 'analytics' and h.released_at is null
               and (h.until is null or h.until > now())) then
        raise exception 'these figures are held' using errcode = 'check_violation';
    end if;
    if exists (select from gateway.record r where r.tenant_id = of_tenant and r.day = of_day) then
        raise exception 'the records of that day are still there' using errcode = 'check_violation';
    end if;
    delete from retention.analytics a where a.tenant_id = of_tenant and a.day = of_day;
    get diagnostics gone = row_count;
    return gone;
end $$;
comment on function retention.drop_analytics is 'drops the figures of one day of the tenant that is set, when a rule says so, nothing holds them and its records are gone';
revoke execute on function retention.drop_analytics from public;
grant execute on function retention.drop_analytics to sr_control;
