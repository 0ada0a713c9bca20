-- Counters of what was used, leased to the gateways in shares.
--
-- A gateway has no grant on these tables. It calls limits.lease, which adds what it hands out to the counter before the
-- gateway has it: units are spent here first, so a share that is lost with its process was used and never comes twice.

create schema limits;
comment on schema limits is 'what tenants have used of their limits, and the shares that gateways hold';
grant usage on schema limits to sr_control, sr_gateway;

create table limits.counter (
    tenant_id uuid        not null check (tenant_id <> '00000000-0000-0000-0000-000000000000'),
    subject   text        not null check (length(subject) between 1 and 512),
    measure   text        not null check (measure in ('requests_per_s', 'tokens_per_min', 'tokens_per_day',
                                                      'cost_per_day', 'lifetime_queries', 'concurrency')),
    amount    bigint      not null,
    burst     bigint      not null,
    level     bigint      not null,
    period    bigint      not null,
    at        timestamptz not null,
    primary key (tenant_id, subject, measure)
);
comment on table limits.counter is 'one row per limit and what it counts, by workload and not by key: rotation keeps the budget';
comment on column limits.counter.amount is 'the limit that was in force when a share was last asked for, for people to read';
comment on column limits.counter.level is 'of a rate: millionths of a unit that are left at that moment; else: units used in the period';
comment on column limits.counter.period is 'of a day: days since 1970, UTC; else 0';
alter table limits.counter enable row level security;
alter table limits.counter force row level security;
create policy own_tenant on limits.counter for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy leased on limits.counter to sr_owner using (true) with check (true);
grant select on limits.counter to sr_control;

create table limits.holding (
    tenant_id uuid        not null,
    subject   text        not null,
    holder    uuid        not null,
    slots     bigint      not null check (slots > 0),
    ends_at   timestamptz not null,
    primary key (tenant_id, subject, holder)
);
comment on table limits.holding is 'slots of a limit on concurrency that one gateway process holds, until it renews, gives back or dies';
alter table limits.holding enable row level security;
alter table limits.holding force row level security;
create policy own_tenant on limits.holding for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy leased on limits.holding to sr_owner using (true) with check (true);
grant select on limits.holding to sr_control;

-- Hand out shares. One call is one round of one gateway: rows are locked in the order of their key, so rounds of several
-- gateways wait for each other and never in a circle. src/strongroom/gateway/limits/buckets.py says the same in Python, and
-- a test holds the two together.
--
-- back:   units handed out before that come back (negative: used beyond what was handed out), of the period back_period
-- need:   the least that is of use; less is not handed out
-- demand: what requests wait for at this moment
-- want:   that, and a share to keep
-- A limit on concurrency is held and not spent: want is the number of slots to hold from now on, need is the least.
create function limits.lease(
    holder uuid, processes bigint, ttl_us bigint,
    tenants uuid[], subjects text[], measures text[], amounts bigint[], bursts bigint[],
    backs bigint[], back_periods bigint[], needs bigint[], demands bigint[], wants bigint[]
) returns table (ordinal bigint, granted bigint, remaining bigint, wait_us bigint, period bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    ask   record;
    row_  limits.counter%rowtype;
    stamp timestamptz;
    span  bigint;
    free  bigint;
begin
    for ask in
        select * from unnest(tenants, subjects, measures, amounts, bursts, backs, back_periods, needs, demands, wants)
            with ordinality as a (tenant_id, subject, measure, amount, burst, back, back_period, need, demand, want, n)
        order by a.tenant_id, a.subject, a.measure
    loop
        insert into limits.counter as c (tenant_id, subject, measure, amount, burst, level, period, at)
        values (ask.tenant_id, ask.subject, ask.measure, ask.amount, ask.burst,
                case when ask.measure in ('requests_per_s', 'tokens_per_min') then ask.burst * 1000000 else 0 end,
                0, clock_timestamp())
        on conflict do nothing;
        select * into strict row_ from limits.counter c
        where c.tenant_id = ask.tenant_id and c.subject = ask.subject and c.measure = ask.measure for update;
        stamp := greatest(clock_timestamp(), row_.at); -- a clock that is set back refills nothing
        ordinal := ask.n; granted := 0; wait_us := 0; period := 0;

        if ask.measure in ('requests_per_s', 'tokens_per_min') then
            span := case ask.measure when 'requests_per_s' then 1 else 60 end;
            -- At most a day is made up for: more fills any bucket, and the product would not fit.
            row_.level := least(ask.burst * 1000000, row_.level
                + least((extract(epoch from stamp - row_.at) * 1000000)::bigint, 86400000000) * ask.amount / span);
            row_.level := least(ask.burst * 1000000, row_.level + ask.back * 1000000);
            free := greatest(0, row_.level / 1000000);
            if ask.want > 0 and free >= ask.need then
                granted := greatest(least(ask.demand, free), least(ask.want, free / processes));
                row_.level := row_.level - granted * 1000000;
            elsif ask.want > 0 then
                wait_us := ceil((ask.need * 1000000 - row_.level)::numeric * span / ask.amount)::bigint;
            end if;
            remaining := greatest(0, row_.level / 1000000);

        elsif ask.measure = 'concurrency' then
            delete from limits.holding h
            where h.tenant_id = ask.tenant_id and h.subject = ask.subject and (h.holder = lease.holder or h.ends_at <= stamp);
            select ask.amount - coalesce(sum(h.slots), 0) into free from limits.holding h
            where h.tenant_id = ask.tenant_id and h.subject = ask.subject;
            -- Where there is not a share for everybody, nobody keeps one: what is in use or waited for, no more.
            granted := greatest(0, least(free, case when free < processes * ask.want then ask.demand else ask.want end));
            if granted > 0 then
                insert into limits.holding (tenant_id, subject, holder, slots, ends_at)
                values (ask.tenant_id, ask.subject, lease.holder, granted, stamp + ttl_us * interval '1 microsecond');
            end if;
            if granted < ask.need then
                wait_us := 1000000;
            end if;
            remaining := greatest(0, free - granted);
            row_.level := ask.amount - remaining;

        else
            if ask.measure <> 'lifetime_queries' then
                period := floor(extract(epoch from stamp) / 86400);
            end if;
            if row_.period <> period then
                row_.period := period;
                row_.level := 0;
            end if;
            if ask.back_period = period then
                row_.level := greatest(0, row_.level - ask.back);
            end if;
            free := greatest(0, ask.amount - row_.level);
            if ask.want > 0 and free >= ask.need then
                -- Near the end a unit is handed out only for a request that waits for it: then the limit is met exactly.
                granted := least(free, case when free < processes * ask.want then ask.demand else ask.want end);
                row_.level := row_.level + granted;
            elsif ask.want > 0 then
                wait_us := case ask.measure when 'lifetime_queries' then -1
                           else ceil((period + 1) * 86400000000 - extract(epoch from stamp) * 1000000)::bigint end;
            end if;
            remaining := free - granted;
        end if;

        update limits.counter c
        set amount = ask.amount, burst = ask.burst, level = row_.level, period = row_.period, at = stamp
        where c.tenant_id = ask.tenant_id and c.subject = ask.subject and c.measure = ask.measure;
        return next;
    end loop;
end $$;
comment on function limits.lease is 'hands out shares of limits to a gateway; the one way to a counter for a role that serves';
revoke execute on function limits.lease from public;
grant execute on function limits.lease to sr_gateway;
