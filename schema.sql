-- What the migrations in src/strongroom/store/migrations add up to. Written by `python -m strongroom.store.schema`; do not edit.
-- Grants on PostgreSQL's own functions come from src/strongroom/store/harden.sql.

CREATE SCHEMA audit;

ALTER SCHEMA audit OWNER TO sr_owner;

COMMENT ON SCHEMA audit IS 'what was asked, by whom, and what the answer was; append only';

CREATE SCHEMA capture;

ALTER SCHEMA capture OWNER TO sr_owner;

COMMENT ON SCHEMA capture IS 'the investigation archive: sessions that two others approved, and what was captured in them, sealed';

CREATE SCHEMA feed;

ALTER SCHEMA feed OWNER TO sr_owner;

COMMENT ON SCHEMA feed IS 'documents that every process must know within a second';

CREATE SCHEMA flows;

ALTER SCHEMA flows OWNER TO sr_owner;

COMMENT ON SCHEMA flows IS 'which data goes from where to where: what tenants declared, and what was seen';

CREATE SCHEMA gateway;

ALTER SCHEMA gateway OWNER TO sr_owner;

COMMENT ON SCHEMA gateway IS 'one row per answered request; no content';

CREATE SCHEMA identity;

ALTER SCHEMA identity OWNER TO sr_owner;

COMMENT ON SCHEMA identity IS 'tenants, environments, workloads, keys and the accounts of people';

CREATE SCHEMA limits;

ALTER SCHEMA limits OWNER TO sr_owner;

COMMENT ON SCHEMA limits IS 'what tenants have used of their limits, and the shares that gateways hold';

CREATE SCHEMA providers;

ALTER SCHEMA providers OWNER TO sr_owner;

COMMENT ON SCHEMA providers IS 'upstreams outside this machine: where they are, under which agreement, open to whom';

CREATE SCHEMA registry;

ALTER SCHEMA registry OWNER TO sr_owner;

COMMENT ON SCHEMA registry IS 'model releases and where they are deployed';

CREATE SCHEMA retention;

ALTER SCHEMA retention OWNER TO sr_owner;

COMMENT ON SCHEMA retention IS 'how long things are kept, what is kept beyond that and why, and what was dropped';

CREATE SCHEMA rules;

ALTER SCHEMA rules OWNER TO sr_owner;

COMMENT ON SCHEMA rules IS 'what callers may use up, be shown, call, sign and keep, as documents';

CREATE SCHEMA store;

ALTER SCHEMA store OWNER TO sr_owner;

COMMENT ON SCHEMA store IS 'what the database knows about itself';

CREATE SCHEMA subjects;

ALTER SCHEMA subjects OWNER TO sr_owner;

COMMENT ON SCHEMA subjects IS 'what people ask of their data: requests with their clock, holds, and what was certified';

CREATE FUNCTION audit.best_publication() RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select p.number from (select * from audit.publication order by number desc limit 50) p
    order by p.filed::int + (p.timestamp is not null)::int desc, p.number desc limit 1
$$;

ALTER FUNCTION audit.best_publication() OWNER TO sr_owner;

COMMENT ON FUNCTION audit.best_publication() IS 'of the newest heads that were put outside the one that was in the most ways; leaves of its epoch are kept';

CREATE FUNCTION audit.drop_sidecars(of_subject text, before timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    gone bigint;
begin
    if subjects.held_by(of_subject) is not null then
        raise exception 'this is held' using errcode = 'check_violation';
    end if;
    delete from audit.sidecar s
    where s.tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and s.subject = of_subject
      and s.at <= before;
    get diagnostics gone = row_count;
    return gone;
end $$;

ALTER FUNCTION audit.drop_sidecars(of_subject text, before timestamp with time zone) OWNER TO sr_owner;

COMMENT ON FUNCTION audit.drop_sidecars(of_subject text, before timestamp with time zone) IS 'removes the words that a subject of the tenant that is set wrote of entries, unless something holds them';

CREATE FUNCTION audit.page_incident() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    insert into identity.notice (id, body, created_at)
    values (new.id,
            jsonb_build_object('type', 'incident.opened', 'incident', new.id, 'kind', new.kind, 'tenant', new.tenant_id,
                               'subject', new.subject, 'opened_at', new.opened_at, 'opened_by', new.opened_by),
            now());
    return null;
end $$;

ALTER FUNCTION audit.page_incident() OWNER TO sr_owner;

COMMENT ON FUNCTION audit.page_incident() IS 'stores a notice of the very incident that is opened; nobody may call it';

CREATE FUNCTION audit.raise_incident() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    kind text := case new.detail ->> 'signal' when 'honeytoken-used' then 'honeytoken' else new.detail ->> 'signal' end;
begin
    if kind = 'flow-undeclared' and not exists (select from flows.declaration d where d.tenant_id = new.tenant_id) then
        return null;
    end if;
    insert into identity.incident (tenant_id, id, kind, subject, opened_at, opened_by, reason, report)
    select new.tenant_id, new.id, kind,
           case when kind = 'honeytoken' then new.credential
                when kind = 'export-limit' then left(new.actor, 128)
                when kind = 'flow-undeclared' then left(new.detail ->> 'to', 128)
                when kind in ('serving-lapsed', 'serving-stopped') then left(new.detail ->> 'deployment', 128)
                else right(new.resource, 128) end,
           new.at, 'detection',
           left(case when kind = 'flow-undeclared'
                     then concat(new.detail ->> 'from', ' -> ', new.detail ->> 'to', ': ', new.detail ->> 'data')
                     when kind in ('serving-lapsed', 'serving-stopped') then new.detail ->> 'because'
                     else new.reason end, 200),
           '{}'
    on conflict do nothing;
    return null;
exception when foreign_key_violation then
    return null; -- a tenant that is gone; its entry is written all the same
end $$;

ALTER FUNCTION audit.raise_incident() OWNER TO sr_owner;

CREATE FUNCTION capture.drop_of_subject(of_subject text, before timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    gone bigint;
begin
    if subjects.held_by(of_subject) is not null then
        raise exception 'this is held' using errcode = 'check_violation';
    end if;
    delete from capture.entry e
    where e.tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and e.subject = of_subject
      and e.at <= before;
    get diagnostics gone = row_count;
    return gone;
end $$;

ALTER FUNCTION capture.drop_of_subject(of_subject text, before timestamp with time zone) OWNER TO sr_owner;

COMMENT ON FUNCTION capture.drop_of_subject(of_subject text, before timestamp with time zone) IS 'deletes captured requests about a subject of the tenant that is set, unless something holds them';

CREATE FUNCTION feed.now_or_never() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if new.version is distinct from (select v.version from feed.version v)
        and not pg_catalog.pg_has_role(current_user, 'sr_owner', 'member') then
        raise exception 'a document has the version of the feed' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;

ALTER FUNCTION feed.now_or_never() OWNER TO sr_owner;

CREATE FUNCTION feed.one_step() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if new.version is distinct from old.version + 1 and not pg_catalog.pg_has_role(current_user, 'sr_owner', 'member') then
        raise exception 'the version of the feed moves by one' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;

ALTER FUNCTION feed.one_step() OWNER TO sr_owner;

CREATE FUNCTION gateway.drop_responses(of_subject text, before timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    gone bigint;
begin
    if subjects.held_by(of_subject) is not null then
        raise exception 'this is held' using errcode = 'check_violation';
    end if;
    delete from gateway.response r
    where r.tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and r.subject = of_subject
      and r.created_at <= before;
    get diagnostics gone = row_count;
    return gone;
end $$;

ALTER FUNCTION gateway.drop_responses(of_subject text, before timestamp with time zone) OWNER TO sr_owner;

COMMENT ON FUNCTION gateway.drop_responses(of_subject text, before timestamp with time zone) IS 'deletes kept responses about a subject of the tenant that is set, unless something holds them';

CREATE FUNCTION gateway.part_records(of_subject text, before timestamp with time zone, most integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    of_tenant uuid := nullif(current_setting('strongroom.tenant', true), '')::uuid;
    gone      bigint;
begin
    if subjects.held_by(of_subject) is not null then
        raise exception 'this is held' using errcode = 'check_violation';
    end if;
    update gateway.record r set subject = null, subject_salt = null
    from (select day, id from gateway.record
          where tenant_id = of_tenant and subject = of_subject and at <= before limit most) s
    where r.tenant_id = of_tenant and r.day = s.day and r.id = s.id;
    get diagnostics gone = row_count;
    return gone;
end $$;

ALTER FUNCTION gateway.part_records(of_subject text, before timestamp with time zone, most integer) OWNER TO sr_owner;

COMMENT ON FUNCTION gateway.part_records(of_subject text, before timestamp with time zone, most integer) IS 'parts records of the tenant that is set from a subject, unless something holds them; what was sealed of them stays as it is';

CREATE FUNCTION limits.lease(holder uuid, processes bigint, ttl_us bigint, tenants uuid[], subjects text[], measures text[], amounts bigint[], bursts bigint[], backs bigint[], back_periods bigint[], needs bigint[], demands bigint[], wants bigint[]) RETURNS TABLE(ordinal bigint, granted bigint, remaining bigint, wait_us bigint, period bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER FUNCTION limits.lease(holder uuid, processes bigint, ttl_us bigint, tenants uuid[], subjects text[], measures text[], amounts bigint[], bursts bigint[], backs bigint[], back_periods bigint[], needs bigint[], demands bigint[], wants bigint[]) OWNER TO sr_owner;

COMMENT ON FUNCTION limits.lease(holder uuid, processes bigint, ttl_us bigint, tenants uuid[], subjects text[], measures text[], amounts bigint[], bursts bigint[], backs bigint[], back_periods bigint[], needs bigint[], demands bigint[], wants bigint[]) IS 'hands out shares of limits to a gateway; the one way to a counter for a role that serves';

CREATE FUNCTION limits.take(of_party text, of_surface text, at timestamp with time zone, more_rows bigint, more_octets bigint) RETURNS TABLE(party text, span text, began timestamp with time zone, row_count bigint, octets bigint, times bigint)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    insert into limits.taken as t (tenant_id, party, surface, span, began, row_count, octets, times)
    select coalesce(nullif(current_setting('strongroom.tenant', true), '')::uuid, '00000000-0000-0000-0000-000000000000'),
           w.party, of_surface, w.span, date_trunc(w.span, at at time zone 'utc') at time zone 'utc', more_rows, more_octets, 1
    from (values (of_party, 'day'), (of_party, 'hour'), ('tenant', 'day'), ('tenant', 'hour')) as w (party, span)
    where more_rows >= 0 and more_octets >= 0 -- nobody takes less than nothing, and so makes room
    order by w.party, w.span
    -- A clock that is set back begins no new hour: the younger beginning stays, and so does what was counted since.
    on conflict (tenant_id, party, surface, span) do update set
        row_count = excluded.row_count + case when t.began >= excluded.began then t.row_count else 0 end,
        octets = excluded.octets + case when t.began >= excluded.began then t.octets else 0 end,
        times = excluded.times + case when t.began >= excluded.began then t.times else 0 end,
        began = greatest(t.began, excluded.began)
    returning t.party, t.span, t.began, t.row_count, t.octets, t.times
$$;

ALTER FUNCTION limits.take(of_party text, of_surface text, at timestamp with time zone, more_rows bigint, more_octets bigint) OWNER TO sr_owner;

COMMENT ON FUNCTION limits.take(of_party text, of_surface text, at timestamp with time zone, more_rows bigint, more_octets bigint) IS 'adds to what was taken out of the tenant that is set, and returns what that comes to';

CREATE FUNCTION registry.drop_labels(of_subject text, before timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    gone bigint;
begin
    if subjects.held_by(of_subject) is not null then
        raise exception 'this is held' using errcode = 'check_violation';
    end if;
    delete from registry.label l
    where l.tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and l.subject = of_subject
      and l.asked_at <= before;
    get diagnostics gone = row_count;
    return gone;
end $$;

ALTER FUNCTION registry.drop_labels(of_subject text, before timestamp with time zone) OWNER TO sr_owner;

COMMENT ON FUNCTION registry.drop_labels(of_subject text, before timestamp with time zone) IS 'deletes labels of requests of a subject of the tenant that is set, unless something holds them';

CREATE FUNCTION registry.forget_content(of_file text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    gone bigint;
begin
    delete from registry.content_subject c
    where c.tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and (of_file is null or c.file = of_file);
    get diagnostics gone = row_count;
    return gone;
end $$;

ALTER FUNCTION registry.forget_content(of_file text) OWNER TO sr_owner;

COMMENT ON FUNCTION registry.forget_content(of_file text) IS 'forgets whose rows were in a file of the tenant that is set, or (null) in all of them: the file is gone';

CREATE FUNCTION registry.keep_newest_evidence() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    newer boolean;
begin
    if tg_table_name = 'outside_evidence' then
        newer := exists (select from registry.outside_evidence e
                         where e.subject_digest = old.subject_digest and e.about = old.about and e.made_at > old.made_at);
    else
        newer := exists (select from registry.own_outside_evidence e
                         where e.tenant_id = old.tenant_id and e.subject_digest = old.subject_digest and e.made_at > old.made_at);
    end if;
    if not newer then
        raise exception 'the newest evidence about a thing is kept' using errcode = 'insufficient_privilege';
    end if;
    return old;
end $$;

ALTER FUNCTION registry.keep_newest_evidence() OWNER TO sr_owner;

CREATE FUNCTION registry.part_content(of_subject text, of_file text, of_part text, before timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    gone bigint;
begin
    if subjects.held_by(of_subject) is not null then
        raise exception 'this is held' using errcode = 'check_violation';
    end if;
    delete from registry.content_subject c
    where c.tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and c.subject = of_subject
      and c.file = of_file and c.part = of_part and c.at <= before;
    get diagnostics gone = row_count;
    return gone;
end $$;

ALTER FUNCTION registry.part_content(of_subject text, of_file text, of_part text, before timestamp with time zone) OWNER TO sr_owner;

COMMENT ON FUNCTION registry.part_content(of_subject text, of_file text, of_part text, before timestamp with time zone) IS 'forgets which rows of a file were of a subject of the tenant that is set, unless something holds them; who calls it has removed the rows, or does now';

CREATE FUNCTION registry.prompts_to_move() RETURNS TABLE(tenant_id uuid, name text, version text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select p.tenant_id, p.name, p.version from registry.prompt p
    where p.erased_at is null and substring(p.sealed from 1 for 1) = '\x01'
    order by p.tenant_id, p.name, p.version
$$;

ALTER FUNCTION registry.prompts_to_move() OWNER TO sr_owner;

COMMENT ON FUNCTION registry.prompts_to_move() IS 'which system prompts are sealed under the installation''s keyring still; no text, sealed or not';

CREATE FUNCTION retention.bucket(microseconds bigint) RETURNS integer
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select width_bucket(microseconds, array[50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000,
                                            60000000]::bigint[]) + 1
$$;

ALTER FUNCTION retention.bucket(microseconds bigint) OWNER TO sr_owner;

COMMENT ON FUNCTION retention.bucket(microseconds bigint) IS 'the number of the bucket of a duration, from 1';

CREATE FUNCTION retention.drop_analytics(of_day date) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER FUNCTION retention.drop_analytics(of_day date) OWNER TO sr_owner;

COMMENT ON FUNCTION retention.drop_analytics(of_day date) IS 'drops the figures of one day of the tenant that is set, when a rule says so, nothing holds them and its records are gone';

CREATE FUNCTION retention.drop_captures(of_day date) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    of_tenant uuid := nullif(current_setting('strongroom.tenant', true), '')::uuid;
    kept      integer;
    gone      bigint;
begin
    select r.days into kept from retention.rule r
    where r.class = 'captures' and r.tenant_id in (of_tenant, '00000000-0000-0000-0000-000000000000')
    order by r.tenant_id = of_tenant desc limit 1;
    if of_day >= (now() at time zone 'utc')::date - coalesce(kept, 14) then
        raise exception 'these captures are to be kept' using errcode = 'check_violation';
    end if;
    if exists (select from retention.hold h where h.tenant_id = of_tenant and h.class = 'captures' and h.released_at is null
               and (h.until is null or h.until > now())) then
        raise exception 'these captures are held' using errcode = 'check_violation';
    end if;
    delete from capture.entry e where e.tenant_id = of_tenant and e.day = of_day;
    get diagnostics gone = row_count;
    return gone;
end $$;

ALTER FUNCTION retention.drop_captures(of_day date) OWNER TO sr_owner;

COMMENT ON FUNCTION retention.drop_captures(of_day date) IS 'drops what was captured on one day of the tenant that is set, when its days are over and nothing holds it';

CREATE FUNCTION retention.drop_records(of_day date) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER FUNCTION retention.drop_records(of_day date) OWNER TO sr_owner;

COMMENT ON FUNCTION retention.drop_records(of_day date) IS 'drops the records of one day of the tenant that is set, when a rule says so and nothing holds them';

CREATE FUNCTION retention.summarise(of_day date) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER FUNCTION retention.summarise(of_day date) OWNER TO sr_owner;

COMMENT ON FUNCTION retention.summarise(of_day date) IS 'sums the records of a day that is over, of the tenant that is set, into the analytics, and returns how many there were';

CREATE FUNCTION retention.tend_days(ahead integer) RETURNS TABLE(made bigint, dropped bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
end $_$;

ALTER FUNCTION retention.tend_days(ahead integer) OWNER TO sr_owner;

COMMENT ON FUNCTION retention.tend_days(ahead integer) IS 'makes the partitions of days to come, and drops those of past days that are empty';

CREATE FUNCTION rules.drop_value_lists(of_name text) RETURNS TABLE(list text, number integer)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    delete from rules.value_list v
    where v.tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and (of_name is null or v.name = of_name)
    returning v.name, v.part
$$;

ALTER FUNCTION rules.drop_value_lists(of_name text) OWNER TO sr_owner;

COMMENT ON FUNCTION rules.drop_value_lists(of_name text) IS 'removes a list of the tenant that is set, or all of its lists';

CREATE FUNCTION subjects.held_by(of_subject text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select h.kind || ' of ' || h.owner || coalesce(' until ' || to_char(h.until at time zone 'utc', 'YYYY-MM-DD HH24:MI"Z"'), '')
    from (
        select kind, owner, until, set_at from subjects.hold
        where tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid
          and (subject is null or subject = of_subject) and released_at is null and (until is null or until > now())
        union all
        select kind, owner, until, set_at from retention.hold
        where tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid
          and released_at is null and (until is null or until > now())
    ) h order by h.set_at limit 1
$$;

ALTER FUNCTION subjects.held_by(of_subject text) OWNER TO sr_owner;

COMMENT ON FUNCTION subjects.held_by(of_subject text) IS 'what holds the data of a subject of the tenant that is set: a hold on the person, on all of the tenant, or on its records';

CREATE FUNCTION subjects.left_in(of_place text, needles text[], of_day date) RETURNS bigint
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    of_table regclass := of_place::regclass;
    columns  text;
    found    bigint;
begin
    if not exists (select from subjects.places() p where p.place = of_place and p.searchable) then
        return null;
    end if;
    select string_agg(case when a.atttypid = 'bytea'::regtype then format('encode(r.%I, ''escape'')', a.attname)
                           else format('r.%I::text', a.attname) end, ', ')
    into columns from pg_attribute a
    where a.attrelid = of_table and a.attnum > 0 and not a.attisdropped
      and a.atttypid in ('text'::regtype, 'jsonb'::regtype, 'bytea'::regtype)
      and has_column_privilege(of_table, a.attnum, 'select');
    execute format(
        'select count(*) from %s r where r.tenant_id = $1 and %s and exists (select from unnest($2) n (needle) '
        'where position(n.needle in lower(concat_ws(chr(10), %s))) > 0)',
        of_table, case when of_day is null then 'true' else 'r.day = $3' end, columns)
    into found using nullif(current_setting('strongroom.tenant', true), '')::uuid, needles, of_day;
    return found;
exception when query_canceled then
    return null; -- it took too long: it was not searched, and the certificate says so
end $_$;

ALTER FUNCTION subjects.left_in(of_place text, needles text[], of_day date) OWNER TO sr_owner;

COMMENT ON FUNCTION subjects.left_in(of_place text, needles text[], of_day date) IS 'how many rows of the tenant that is set hold one of some texts anywhere in a table, as far as the caller may see; null: not searched';

CREATE FUNCTION subjects.places() RETURNS TABLE(place text, searchable boolean)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select n.nspname || '.' || c.relname, exists (
        select from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        and a.atttypid in ('text'::regtype, 'jsonb'::regtype, 'bytea'::regtype)
        and has_column_privilege(c.oid, a.attnum, 'select')
        and has_column_privilege(c.oid, t.attnum, 'select'))
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped
    where c.relkind in ('r', 'p') and not c.relispartition and has_schema_privilege(n.oid, 'usage')
    order by 1
$$;

ALTER FUNCTION subjects.places() OWNER TO sr_owner;

COMMENT ON FUNCTION subjects.places() IS 'the tables with rows of tenants, and whether the caller may search each for what is left of a person';

CREATE TABLE audit.anchor (
    number bigint NOT NULL,
    epoch integer NOT NULL,
    seq bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    record bytea NOT NULL,
    leaves bytea NOT NULL,
    CONSTRAINT anchor_epoch_check CHECK ((epoch > 0)),
    CONSTRAINT anchor_number_check CHECK ((number >= 0)),
    CONSTRAINT anchor_record_check CHECK ((octet_length(record) <= 4096)),
    CONSTRAINT anchor_seq_check CHECK ((seq >= 0))
);
ALTER TABLE ONLY audit.anchor ALTER COLUMN leaves SET STORAGE EXTERNAL;

ALTER TABLE audit.anchor OWNER TO sr_owner;

COMMENT ON TABLE audit.anchor IS 'the entries of the anchor log, each with the leaves that it commits to: noise to all but whose they are';

CREATE TABLE audit.checkpoint (
    tenant_id uuid NOT NULL,
    epoch integer NOT NULL,
    size bigint NOT NULL,
    note text NOT NULL,
    anchor bigint NOT NULL,
    CONSTRAINT checkpoint_anchor_check CHECK ((anchor >= 0)),
    CONSTRAINT checkpoint_note_check CHECK ((octet_length(note) <= 4096)),
    CONSTRAINT checkpoint_size_check CHECK ((size >= 0))
);

ALTER TABLE ONLY audit.checkpoint FORCE ROW LEVEL SECURITY;

ALTER TABLE audit.checkpoint OWNER TO sr_owner;

COMMENT ON TABLE audit.checkpoint IS 'heads of each log that an epoch of the anchor commits to';

CREATE TABLE audit.entry (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor text NOT NULL,
    credential text NOT NULL,
    action text NOT NULL,
    resource text NOT NULL,
    outcome text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    request_id text DEFAULT ''::text NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    sealed_at timestamp with time zone,
    epoch integer,
    seq bigint,
    event bytea,
    CONSTRAINT entry_detail_check CHECK ((octet_length((detail)::text) <= 65536)),
    CONSTRAINT entry_event_check CHECK ((octet_length(event) <= 65535)),
    CONSTRAINT entry_outcome_check CHECK ((outcome = ANY (ARRAY['allowed'::text, 'refused'::text, 'failed'::text]))),
    CONSTRAINT entry_sealed CHECK ((((sealed_at IS NULL) = (seq IS NULL)) AND ((seq IS NULL) = (epoch IS NULL)) AND ((seq IS NULL) = (event IS NULL)))),
    CONSTRAINT entry_tenant_id_check CHECK ((tenant_id <> '00000000-0000-0000-0000-000000000000'::uuid))
);

ALTER TABLE ONLY audit.entry FORCE ROW LEVEL SECURITY;

ALTER TABLE audit.entry OWNER TO sr_owner;

COMMENT ON TABLE audit.entry IS 'what was done or refused in a tenant; written in the same transaction as the change';

CREATE TABLE audit.log (
    tenant_id uuid NOT NULL,
    epoch integer NOT NULL,
    origin text NOT NULL,
    blind bytea NOT NULL,
    size bigint DEFAULT 0 NOT NULL,
    root bytea NOT NULL,
    signed_size bigint DEFAULT 0 NOT NULL,
    note text,
    signed_at timestamp with time zone,
    begun_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT log_blind_check CHECK ((octet_length(blind) = 32)),
    CONSTRAINT log_epoch_check CHECK ((epoch > 0)),
    CONSTRAINT log_origin_check CHECK ((origin ~ '^[a-z0-9./-]{1,200}$'::text)),
    CONSTRAINT log_root_check CHECK ((octet_length(root) = 32)),
    CONSTRAINT log_signed_size_check CHECK ((signed_size >= 0)),
    CONSTRAINT log_size_check CHECK ((size >= 0))
);

ALTER TABLE ONLY audit.log FORCE ROW LEVEL SECURITY;

ALTER TABLE audit.log OWNER TO sr_owner;

COMMENT ON TABLE audit.log IS 'each log by epoch: its name, how many entries it has, its root, and the newest head that the notary signed';

CREATE TABLE audit.platform_entry (
    id uuid NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor text NOT NULL,
    credential text NOT NULL,
    action text NOT NULL,
    resource text NOT NULL,
    outcome text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    request_id text DEFAULT ''::text NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    sealed_at timestamp with time zone,
    epoch integer,
    seq bigint,
    event bytea,
    CONSTRAINT entry_sealed CHECK ((((sealed_at IS NULL) = (seq IS NULL)) AND ((seq IS NULL) = (epoch IS NULL)) AND ((seq IS NULL) = (event IS NULL)))),
    CONSTRAINT platform_entry_detail_check CHECK ((octet_length((detail)::text) <= 65536)),
    CONSTRAINT platform_entry_event_check CHECK ((octet_length(event) <= 65535)),
    CONSTRAINT platform_entry_outcome_check CHECK ((outcome = ANY (ARRAY['allowed'::text, 'refused'::text, 'failed'::text])))
);

ALTER TABLE ONLY audit.platform_entry FORCE ROW LEVEL SECURITY;

ALTER TABLE audit.platform_entry OWNER TO sr_owner;

COMMENT ON TABLE audit.platform_entry IS 'what was done or refused on the installation itself, and by callers nobody knows';

CREATE TABLE audit.publication (
    number bigint NOT NULL,
    epoch integer NOT NULL,
    size bigint NOT NULL,
    note text NOT NULL,
    filed boolean DEFAULT false NOT NULL,
    "timestamp" bytea,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT publication_epoch_check CHECK ((epoch > 0)),
    CONSTRAINT publication_note_check CHECK ((octet_length(note) <= 8192)),
    CONSTRAINT publication_size_check CHECK ((size > 0)),
    CONSTRAINT publication_timestamp_check CHECK (((octet_length("timestamp") >= 1) AND (octet_length("timestamp") <= 65536)))
);

ALTER TABLE audit.publication OWNER TO sr_owner;

COMMENT ON TABLE audit.publication IS 'signed heads of the anchor that stand in the anchor file, or have a timestamp of an authority (RFC 3161)';

CREATE TABLE audit.pulse (
    single boolean DEFAULT true NOT NULL,
    base text DEFAULT ''::text NOT NULL,
    vkey text DEFAULT ''::text NOT NULL,
    sound_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    trouble text DEFAULT ''::text NOT NULL,
    said text DEFAULT ''::text NOT NULL,
    forked_at timestamp with time zone,
    holder uuid,
    beat_at timestamp with time zone,
    CONSTRAINT pulse_base_check CHECK ((base ~ '^[a-z0-9./-]{0,100}$'::text)),
    CONSTRAINT pulse_said_check CHECK ((octet_length(said) <= 1024)),
    CONSTRAINT pulse_single_check CHECK (single),
    CONSTRAINT pulse_trouble_check CHECK ((trouble = ANY (ARRAY[''::text, 'notary'::text, 'forked'::text, 'contended'::text, 'fault'::text]))),
    CONSTRAINT pulse_vkey_check CHECK ((octet_length(vkey) <= 512))
);

ALTER TABLE audit.pulse OWNER TO sr_owner;

COMMENT ON TABLE audit.pulse IS 'one row: until when everything that was written is sealed and signed, and what stands in the way';

CREATE TABLE audit.sidecar (
    tenant_id uuid NOT NULL,
    entry_id uuid NOT NULL,
    name text NOT NULL,
    subject text NOT NULL,
    sealed bytea NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT sidecar_name_check CHECK ((name = ANY (ARRAY['reason'::text, 'note'::text]))),
    CONSTRAINT sidecar_sealed_check CHECK (((octet_length(sealed) >= 1) AND (octet_length(sealed) <= 4096))),
    CONSTRAINT sidecar_subject_check CHECK ((subject ~ '^sub_[0-9a-f]{32}$'::text))
);

ALTER TABLE ONLY audit.sidecar FORCE ROW LEVEL SECURITY;

ALTER TABLE audit.sidecar OWNER TO sr_owner;

COMMENT ON TABLE audit.sidecar IS 'words of entries, sealed under a key of who wrote them; the entry commits to them';

CREATE TABLE audit.tile (
    tenant_id uuid NOT NULL,
    epoch integer NOT NULL,
    level smallint NOT NULL,
    number bigint NOT NULL,
    hashes bytea NOT NULL,
    CONSTRAINT tile_hashes_check CHECK ((((octet_length(hashes) >= 32) AND (octet_length(hashes) <= 8192)) AND ((octet_length(hashes) % 32) = 0))),
    CONSTRAINT tile_level_check CHECK (((level >= 0) AND (level <= 7))),
    CONSTRAINT tile_number_check CHECK ((number >= 0))
);
ALTER TABLE ONLY audit.tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

ALTER TABLE ONLY audit.tile FORCE ROW LEVEL SECURITY;

ALTER TABLE audit.tile OWNER TO sr_owner;

COMMENT ON TABLE audit.tile IS 'the hashes of each log, in tiles of up to 256 (C2SP tlog-tiles)';

CREATE TABLE capture.entry (
    tenant_id uuid NOT NULL,
    session_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    day date DEFAULT ((now() AT TIME ZONE 'utc'::text))::date NOT NULL,
    request_id text NOT NULL,
    subject text,
    sealed bytea NOT NULL,
    octets integer GENERATED ALWAYS AS (octet_length(sealed)) STORED NOT NULL,
    CONSTRAINT entry_request_id_check CHECK ((request_id ~ '^req_[0-9a-f]{32}$'::text)),
    CONSTRAINT entry_sealed_check CHECK (((octet_length(sealed) >= 1) AND (octet_length(sealed) <= 1049600))),
    CONSTRAINT entry_subject_check CHECK ((subject ~ '^sub_[0-9a-f]{32}$'::text))
);

ALTER TABLE ONLY capture.entry FORCE ROW LEVEL SECURITY;

ALTER TABLE capture.entry OWNER TO sr_owner;

COMMENT ON TABLE capture.entry IS 'one captured request and its answer, sealed under the tenant''s key or its subject''s; goes by the rule of its class';

CREATE TABLE capture.session (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    environment text NOT NULL,
    model text NOT NULL,
    workload text DEFAULT ''::text NOT NULL,
    share integer NOT NULL,
    octets_most integer NOT NULL,
    requester text NOT NULL,
    ticket text NOT NULL,
    reason text NOT NULL,
    approved_by text NOT NULL,
    began_at timestamp with time zone DEFAULT now() NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    stopped_at timestamp with time zone,
    stopped_by text,
    stopped_reason text,
    CONSTRAINT session_check CHECK ((ends_at <= (began_at + '01:00:00'::interval))),
    CONSTRAINT session_check1 CHECK (((stopped_at IS NULL) = (stopped_by IS NULL))),
    CONSTRAINT session_environment_check CHECK ((environment = ANY (ARRAY['dev'::text, 'test'::text, 'prod'::text]))),
    CONSTRAINT session_model_check CHECK (((octet_length(model) >= 1) AND (octet_length(model) <= 128))),
    CONSTRAINT session_octets_most_check CHECK (((octets_most >= 1024) AND (octets_most <= 67108864))),
    CONSTRAINT session_reason_check CHECK (((octet_length(reason) >= 1) AND (octet_length(reason) <= 1000))),
    CONSTRAINT session_share_check CHECK (((share >= 1) AND (share <= 10000))),
    CONSTRAINT session_ticket_check CHECK (((octet_length(ticket) >= 1) AND (octet_length(ticket) <= 400))),
    CONSTRAINT session_workload_check CHECK ((octet_length(workload) <= 128))
);

ALTER TABLE ONLY capture.session FORCE ROW LEVEL SECURITY;

ALTER TABLE capture.session OWNER TO sr_owner;

COMMENT ON TABLE capture.session IS 'who may have raw requests captured, of which model, why, at whose word and until when';

CREATE TABLE feed.entry (
    tenant_id uuid NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    version bigint NOT NULL,
    body bytea NOT NULL,
    deleted boolean DEFAULT false NOT NULL,
    CONSTRAINT entry_check CHECK (((NOT deleted) OR (octet_length(body) = 0)))
);

ALTER TABLE ONLY feed.entry FORCE ROW LEVEL SECURITY;

ALTER TABLE feed.entry OWNER TO sr_owner;

COMMENT ON TABLE feed.entry IS 'documents followed by every process; the nil tenant is the installation; withdrawn ones stay as tombstones';

CREATE TABLE feed.version (
    id boolean DEFAULT true NOT NULL,
    version bigint NOT NULL,
    epoch uuid NOT NULL,
    CONSTRAINT version_id_check CHECK (id)
);

ALTER TABLE feed.version OWNER TO sr_owner;

COMMENT ON TABLE feed.version IS 'one row: the version of the last change, and an epoch that a restored backup replaces';

CREATE TABLE flows.declaration (
    tenant_id uuid NOT NULL,
    number integer NOT NULL,
    name text NOT NULL,
    digest text NOT NULL,
    body text NOT NULL,
    author text NOT NULL,
    credential text NOT NULL,
    at timestamp with time zone NOT NULL,
    reason text NOT NULL,
    approved_by text,
    request_id uuid,
    CONSTRAINT declaration_approved_by_check CHECK (((length(approved_by) >= 1) AND (length(approved_by) <= 200))),
    CONSTRAINT declaration_author_check CHECK (((length(author) >= 1) AND (length(author) <= 200))),
    CONSTRAINT declaration_body_check CHECK (((octet_length(body) >= 1) AND (octet_length(body) <= 32768))),
    CONSTRAINT declaration_credential_check CHECK ((length(credential) <= 64)),
    CONSTRAINT declaration_digest_check CHECK ((digest ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT declaration_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9-]{0,63}$'::text)),
    CONSTRAINT declaration_number_check CHECK (((number >= 1) AND (number <= 9999))),
    CONSTRAINT declaration_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 512)))
);

ALTER TABLE ONLY flows.declaration FORCE ROW LEVEL SECURITY;

ALTER TABLE flows.declaration OWNER TO sr_owner;

COMMENT ON TABLE flows.declaration IS 'files of declared flows in their order, each as it was applied; none is changed or taken away';

CREATE TABLE flows.edge (
    tenant_id uuid NOT NULL,
    source text NOT NULL,
    destination text NOT NULL,
    data text NOT NULL,
    first_seen timestamp with time zone NOT NULL,
    last_seen timestamp with time zone NOT NULL,
    told_at timestamp with time zone,
    CONSTRAINT edge_check CHECK ((last_seen >= first_seen)),
    CONSTRAINT edge_data_check CHECK (((length(data) >= 1) AND (length(data) <= 128))),
    CONSTRAINT edge_destination_check CHECK (((length(destination) >= 1) AND (length(destination) <= 256))),
    CONSTRAINT edge_source_check CHECK (((length(source) >= 1) AND (length(source) <= 256)))
);

ALTER TABLE ONLY flows.edge FORCE ROW LEVEL SECURITY;

ALTER TABLE flows.edge OWNER TO sr_owner;

COMMENT ON TABLE flows.edge IS 'which class of data was seen to go from where to where, and whether the log was told that nobody had declared it';

CREATE TABLE gateway.key_first (
    tenant_id uuid NOT NULL,
    key_id text NOT NULL,
    kind text NOT NULL,
    value text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT key_first_key_id_check CHECK ((key_id ~ '^[0-9a-z]{16}$'::text)),
    CONSTRAINT key_first_kind_check CHECK ((kind = ANY (ARRAY['use'::text, 'network'::text, 'agent'::text, 'country'::text, 'asn'::text, 'scope'::text]))),
    CONSTRAINT key_first_value_check CHECK ((length(value) <= 128))
);

ALTER TABLE ONLY gateway.key_first FORCE ROW LEVEL SECURITY;

ALTER TABLE gateway.key_first OWNER TO sr_owner;

COMMENT ON TABLE gateway.key_first IS 'when a key was first used at all, and from which network, by which agent, for what';

CREATE TABLE gateway.key_use (
    tenant_id uuid NOT NULL,
    key_id text NOT NULL,
    slot timestamp with time zone NOT NULL,
    address text NOT NULL,
    agent text NOT NULL,
    country text DEFAULT ''::text NOT NULL,
    CONSTRAINT key_use_address_check CHECK ((length(address) <= 64)),
    CONSTRAINT key_use_agent_check CHECK ((length(agent) <= 64)),
    CONSTRAINT key_use_country_check CHECK ((length(country) <= 8)),
    CONSTRAINT key_use_key_id_check CHECK ((key_id ~ '^[0-9a-z]{16}$'::text))
);

ALTER TABLE ONLY gateway.key_use FORCE ROW LEVEL SECURITY;

ALTER TABLE gateway.key_use OWNER TO sr_owner;

COMMENT ON TABLE gateway.key_use IS 'from which address and by which agent a key was used in which hour; no content';

CREATE TABLE gateway.nonce (
    tenant_id uuid NOT NULL,
    signer text NOT NULL,
    nonce bytea NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT nonce_nonce_check CHECK ((octet_length(nonce) = 16)),
    CONSTRAINT nonce_signer_check CHECK ((octet_length(signer) = 32))
);

ALTER TABLE ONLY gateway.nonce FORCE ROW LEVEL SECURITY;

ALTER TABLE gateway.nonce OWNER TO sr_owner;

COMMENT ON TABLE gateway.nonce IS 'digests of nonces of signed requests; each is kept for longer than its signature can count, then erased';

CREATE TABLE gateway.record (
    tenant_id uuid NOT NULL,
    day date NOT NULL,
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    environment text NOT NULL,
    workload_id uuid NOT NULL,
    key_id text NOT NULL,
    deployment_id uuid,
    release_digest text,
    operation text NOT NULL,
    status integer NOT NULL,
    input_tokens integer NOT NULL,
    output_tokens integer NOT NULL,
    duration_us bigint NOT NULL,
    policy_version text NOT NULL,
    outcome text DEFAULT 'completed'::text NOT NULL,
    phase text DEFAULT ''::text NOT NULL,
    refusal text DEFAULT ''::text NOT NULL,
    dialect text DEFAULT 'openai'::text NOT NULL,
    target text DEFAULT ''::text NOT NULL,
    first_byte_us bigint,
    cost_micro bigint DEFAULT 0 NOT NULL,
    rules_version text DEFAULT ''::text NOT NULL,
    decisions jsonb DEFAULT '{}'::jsonb NOT NULL,
    batch uuid,
    subject text,
    subject_salt bytea,
    subject_seal bytea,
    findings jsonb,
    CONSTRAINT record_check CHECK (((subject IS NULL) = (subject_salt IS NULL))),
    CONSTRAINT record_check1 CHECK (((subject IS NULL) OR (subject_seal IS NOT NULL))),
    CONSTRAINT record_cost_micro_check CHECK ((cost_micro >= 0)),
    CONSTRAINT record_decisions_check CHECK ((octet_length((decisions)::text) <= 4096)),
    CONSTRAINT record_dialect_check CHECK ((length(dialect) <= 32)),
    CONSTRAINT record_duration_us_check CHECK ((duration_us >= 0)),
    CONSTRAINT record_findings_check CHECK ((octet_length((findings)::text) <= 8192)),
    CONSTRAINT record_first_byte_us_check CHECK ((first_byte_us >= 0)),
    CONSTRAINT record_input_tokens_check CHECK ((input_tokens >= 0)),
    CONSTRAINT record_outcome_check CHECK ((outcome = ANY (ARRAY['completed'::text, 'refused'::text, 'failed'::text, 'cancelled'::text, 'interrupted'::text]))),
    CONSTRAINT record_output_tokens_check CHECK ((output_tokens >= 0)),
    CONSTRAINT record_phase_check CHECK ((length(phase) <= 32)),
    CONSTRAINT record_refusal_check CHECK ((length(refusal) <= 64)),
    CONSTRAINT record_rules_version_check CHECK ((length(rules_version) <= 128)),
    CONSTRAINT record_subject_check CHECK ((subject ~ '^sub_[0-9a-f]{32}$'::text)),
    CONSTRAINT record_subject_salt_check CHECK ((octet_length(subject_salt) = 16)),
    CONSTRAINT record_subject_seal_check CHECK ((octet_length(subject_seal) = 32)),
    CONSTRAINT record_target_check CHECK ((length(target) <= 128))
)
PARTITION BY RANGE (day);

ALTER TABLE ONLY gateway.record FORCE ROW LEVEL SECURITY;

ALTER TABLE gateway.record OWNER TO sr_owner;

COMMENT ON TABLE gateway.record IS 'one row per request of a known caller: who, which release, by which rules, how much, how long; never what was said';

CREATE TABLE gateway.record_default (
    tenant_id uuid CONSTRAINT record_tenant_id_not_null NOT NULL,
    day date CONSTRAINT record_day_not_null NOT NULL,
    id uuid CONSTRAINT record_id_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT record_at_not_null NOT NULL,
    environment text CONSTRAINT record_environment_not_null NOT NULL,
    workload_id uuid CONSTRAINT record_workload_id_not_null NOT NULL,
    key_id text CONSTRAINT record_key_id_not_null NOT NULL,
    deployment_id uuid,
    release_digest text,
    operation text CONSTRAINT record_operation_not_null NOT NULL,
    status integer CONSTRAINT record_status_not_null NOT NULL,
    input_tokens integer CONSTRAINT record_input_tokens_not_null NOT NULL,
    output_tokens integer CONSTRAINT record_output_tokens_not_null NOT NULL,
    duration_us bigint CONSTRAINT record_duration_us_not_null NOT NULL,
    policy_version text CONSTRAINT record_policy_version_not_null NOT NULL,
    outcome text DEFAULT 'completed'::text CONSTRAINT record_outcome_not_null NOT NULL,
    phase text DEFAULT ''::text CONSTRAINT record_phase_not_null NOT NULL,
    refusal text DEFAULT ''::text CONSTRAINT record_refusal_not_null NOT NULL,
    dialect text DEFAULT 'openai'::text CONSTRAINT record_dialect_not_null NOT NULL,
    target text DEFAULT ''::text CONSTRAINT record_target_not_null NOT NULL,
    first_byte_us bigint,
    cost_micro bigint DEFAULT 0 CONSTRAINT record_cost_micro_not_null NOT NULL,
    rules_version text DEFAULT ''::text CONSTRAINT record_rules_version_not_null NOT NULL,
    decisions jsonb DEFAULT '{}'::jsonb CONSTRAINT record_decisions_not_null NOT NULL,
    batch uuid,
    subject text,
    subject_salt bytea,
    subject_seal bytea,
    findings jsonb,
    CONSTRAINT record_check CHECK (((subject IS NULL) = (subject_salt IS NULL))),
    CONSTRAINT record_check1 CHECK (((subject IS NULL) OR (subject_seal IS NOT NULL))),
    CONSTRAINT record_cost_micro_check CHECK ((cost_micro >= 0)),
    CONSTRAINT record_decisions_check CHECK ((octet_length((decisions)::text) <= 4096)),
    CONSTRAINT record_dialect_check CHECK ((length(dialect) <= 32)),
    CONSTRAINT record_duration_us_check CHECK ((duration_us >= 0)),
    CONSTRAINT record_findings_check CHECK ((octet_length((findings)::text) <= 8192)),
    CONSTRAINT record_first_byte_us_check CHECK ((first_byte_us >= 0)),
    CONSTRAINT record_input_tokens_check CHECK ((input_tokens >= 0)),
    CONSTRAINT record_outcome_check CHECK ((outcome = ANY (ARRAY['completed'::text, 'refused'::text, 'failed'::text, 'cancelled'::text, 'interrupted'::text]))),
    CONSTRAINT record_output_tokens_check CHECK ((output_tokens >= 0)),
    CONSTRAINT record_phase_check CHECK ((length(phase) <= 32)),
    CONSTRAINT record_refusal_check CHECK ((length(refusal) <= 64)),
    CONSTRAINT record_rules_version_check CHECK ((length(rules_version) <= 128)),
    CONSTRAINT record_subject_check CHECK ((subject ~ '^sub_[0-9a-f]{32}$'::text)),
    CONSTRAINT record_subject_salt_check CHECK ((octet_length(subject_salt) = 16)),
    CONSTRAINT record_subject_seal_check CHECK ((octet_length(subject_seal) = 32)),
    CONSTRAINT record_target_check CHECK ((length(target) <= 128))
);

ALTER TABLE ONLY gateway.record_default FORCE ROW LEVEL SECURITY;

ALTER TABLE gateway.record_default OWNER TO sr_owner;

COMMENT ON TABLE gateway.record_default IS 'records of days that have no partition of their own';

CREATE TABLE gateway.response (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    environment text NOT NULL,
    workload_id uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    sealed bytea NOT NULL,
    octets integer GENERATED ALWAYS AS (octet_length(sealed)) STORED NOT NULL,
    subject text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT response_environment_check CHECK ((environment = ANY (ARRAY['dev'::text, 'test'::text, 'prod'::text]))),
    CONSTRAINT response_expires_at_check CHECK ((expires_at <= (now() + '31 days'::interval))),
    CONSTRAINT response_id_check CHECK ((id ~ '^resp_[0-9a-f]{32}$'::text)),
    CONSTRAINT response_sealed_check CHECK (((octet_length(sealed) >= 1) AND (octet_length(sealed) <= 1049600))),
    CONSTRAINT response_subject_check CHECK ((subject ~ '^sub_[0-9a-f]{32}$'::text))
);

ALTER TABLE ONLY gateway.response FORCE ROW LEVEL SECURITY;

ALTER TABLE gateway.response OWNER TO sr_owner;

COMMENT ON TABLE gateway.response IS 'answers that were asked to be kept, sealed; each ends by itself';

CREATE TABLE identity.access_token (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    rule_id uuid NOT NULL,
    replay bytea NOT NULL,
    replay_until timestamp with time zone NOT NULL,
    issued_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    revoked_reason text,
    CONSTRAINT access_token_check CHECK ((expires_at > issued_at)),
    CONSTRAINT access_token_check1 CHECK (((revoked_at IS NULL) = (revoked_reason IS NULL))),
    CONSTRAINT access_token_id_check CHECK ((id ~ '^[0-9a-z]{16}$'::text)),
    CONSTRAINT access_token_replay_check CHECK ((octet_length(replay) = 32))
);

ALTER TABLE ONLY identity.access_token FORCE ROW LEVEL SECURITY;

ALTER TABLE identity.access_token OWNER TO sr_owner;

COMMENT ON TABLE identity.access_token IS 'access tokens that were given out, without their text, and the digest of what each was given for';

CREATE TABLE identity.account (
    id uuid NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    tenant_id uuid,
    demo boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT account_check CHECK (((role = 'tenant-admin'::text) = (tenant_id IS NOT NULL))),
    CONSTRAINT account_role_check CHECK ((role = ANY (ARRAY['operator'::text, 'approver'::text, 'tenant-admin'::text])))
);

ALTER TABLE ONLY identity.account FORCE ROW LEVEL SECURITY;

ALTER TABLE identity.account OWNER TO sr_owner;

COMMENT ON TABLE identity.account IS 'people who administer the installation or one tenant; for operators only';

CREATE TABLE identity.account_key (
    id text NOT NULL,
    account_id uuid NOT NULL,
    fingerprint bytea NOT NULL,
    pepper_version integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    revoked_reason text,
    proof text,
    thumbprint bytea,
    networks text[] DEFAULT '{}'::text[] NOT NULL,
    exception text,
    CONSTRAINT account_key_bound_whole CHECK (((proof IS NULL) = (thumbprint IS NULL))),
    CONSTRAINT account_key_check CHECK ((expires_at > created_at)),
    CONSTRAINT account_key_check1 CHECK (((revoked_at IS NULL) = (revoked_reason IS NULL))),
    CONSTRAINT account_key_exception_check CHECK (((length(exception) >= 1) AND (length(exception) <= 200))),
    CONSTRAINT account_key_fingerprint_check CHECK ((octet_length(fingerprint) = 32)),
    CONSTRAINT account_key_id_check CHECK ((id ~ '^[0-9a-z]{16}$'::text)),
    CONSTRAINT account_key_networks_check CHECK ((cardinality(networks) <= 32)),
    CONSTRAINT account_key_pepper_version_check CHECK ((pepper_version > 0)),
    CONSTRAINT account_key_proof_check CHECK ((proof = ANY (ARRAY['dpop'::text, 'mtls'::text]))),
    CONSTRAINT account_key_thumbprint_check CHECK ((octet_length(thumbprint) = 32))
);

ALTER TABLE identity.account_key OWNER TO sr_owner;

COMMENT ON TABLE identity.account_key IS 'credentials of accounts: a keyed fingerprint, never the secret; for operators only';

COMMENT ON COLUMN identity.account_key.networks IS 'CIDR; empty: usable from anywhere';

COMMENT ON COLUMN identity.account_key.exception IS 'why it counts in production without being bound';

CREATE TABLE identity.delivery (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    opened_at timestamp with time zone,
    CONSTRAINT delivery_check CHECK ((expires_at > created_at)),
    CONSTRAINT delivery_check1 CHECK (((opened_at IS NULL) OR (octet_length(sealed) = 0))),
    CONSTRAINT delivery_id_check CHECK ((id ~ '^[0-9a-z]{16}$'::text))
);

ALTER TABLE ONLY identity.delivery FORCE ROW LEVEL SECURITY;

ALTER TABLE identity.delivery OWNER TO sr_owner;

COMMENT ON TABLE identity.delivery IS 'links that hand a key over once: what they carry is gone with the first opening';

CREATE TABLE identity.elevation (
    request_id uuid NOT NULL,
    break_glass boolean NOT NULL,
    key_id text,
    begun_at timestamp with time zone,
    ends_at timestamp with time zone,
    ended_at timestamp with time zone,
    ended_reason text,
    review_due_at timestamp with time zone,
    reviewed_at timestamp with time zone,
    reviewer text,
    review text,
    CONSTRAINT elevation_check CHECK (((begun_at IS NULL) = (key_id IS NULL))),
    CONSTRAINT elevation_check1 CHECK (((reviewed_at IS NULL) = (review IS NULL))),
    CONSTRAINT elevation_check2 CHECK ((break_glass = (review_due_at IS NOT NULL))),
    CONSTRAINT elevation_review_check CHECK ((length(review) <= 2000))
);

ALTER TABLE identity.elevation OWNER TO sr_owner;

COMMENT ON TABLE identity.elevation IS 'power for some minutes over one tenant: when it began and ended, and its review; for operators only';

CREATE TABLE identity.environment (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    max_key_days integer DEFAULT 90 NOT NULL,
    CONSTRAINT environment_max_key_days_check CHECK (((max_key_days >= 1) AND (max_key_days <= 3660))),
    CONSTRAINT environment_name_check CHECK ((name = ANY (ARRAY['dev'::text, 'test'::text, 'prod'::text])))
);

ALTER TABLE ONLY identity.environment FORCE ROW LEVEL SECURITY;

ALTER TABLE identity.environment OWNER TO sr_owner;

COMMENT ON TABLE identity.environment IS 'dev, test and prod of a tenant and what each allows';

CREATE TABLE identity.federation_rule (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    workload_id uuid NOT NULL,
    kind text NOT NULL,
    issuer text NOT NULL,
    audience text NOT NULL,
    subject text NOT NULL,
    claims jsonb DEFAULT '{}'::jsonb NOT NULL,
    keys_url text,
    keys text,
    ca text,
    networks text[] DEFAULT '{}'::text[] NOT NULL,
    proof text,
    max_age_s integer NOT NULL,
    token_s integer NOT NULL,
    label text DEFAULT ''::text NOT NULL,
    owner text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    ended_reason text,
    CONSTRAINT federation_rule_audience_check CHECK ((audience <> ''::text)),
    CONSTRAINT federation_rule_check CHECK (((ended_at IS NULL) = (ended_reason IS NULL))),
    CONSTRAINT federation_rule_issuer_check CHECK ((issuer <> ''::text)),
    CONSTRAINT federation_rule_kind_check CHECK ((kind = ANY (ARRAY['oidc'::text, 'github'::text, 'kubernetes'::text, 'spiffe'::text]))),
    CONSTRAINT federation_rule_max_age_s_check CHECK (((max_age_s >= 1) AND (max_age_s <= 3600))),
    CONSTRAINT federation_rule_owner_check CHECK ((owner <> ''::text)),
    CONSTRAINT federation_rule_proof_check CHECK ((proof = ANY (ARRAY['dpop'::text, 'mtls'::text]))),
    CONSTRAINT federation_rule_subject_check CHECK ((subject <> ''::text)),
    CONSTRAINT federation_rule_token_s_check CHECK (((token_s >= 60) AND (token_s <= 3600)))
);

ALTER TABLE ONLY identity.federation_rule FORCE ROW LEVEL SECURITY;

ALTER TABLE identity.federation_rule OWNER TO sr_owner;

COMMENT ON TABLE identity.federation_rule IS 'whose token is taken for which workload; never changed, so what was given out under one means what it meant';

CREATE TABLE identity.incident (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL,
    reason text NOT NULL,
    report jsonb NOT NULL,
    cause text,
    fix text,
    closed_at timestamp with time zone,
    closed_by text,
    CONSTRAINT incident_cause_check CHECK (((length(cause) >= 1) AND (length(cause) <= 2000))),
    CONSTRAINT incident_check CHECK (((closed_at IS NULL) = (cause IS NULL))),
    CONSTRAINT incident_check1 CHECK (((closed_at IS NULL) = (closed_by IS NULL))),
    CONSTRAINT incident_fix_check CHECK ((length(fix) <= 2000)),
    CONSTRAINT incident_kind_check CHECK ((kind = ANY (ARRAY['key-leak'::text, 'canary-leak'::text, 'prompt-leak'::text, 'honeytoken'::text, 'export-limit'::text, 'flow-undeclared'::text, 'serving-lapsed'::text, 'serving-stopped'::text]))),
    CONSTRAINT incident_opened_by_check CHECK (((length(opened_by) >= 1) AND (length(opened_by) <= 200))),
    CONSTRAINT incident_reason_check CHECK ((length(reason) <= 200)),
    CONSTRAINT incident_report_check CHECK ((octet_length((report)::text) <= 1048576)),
    CONSTRAINT incident_subject_check CHECK (((length(subject) >= 1) AND (length(subject) <= 128)))
);

ALTER TABLE ONLY identity.incident FORCE ROW LEVEL SECURITY;

ALTER TABLE identity.incident OWNER TO sr_owner;

COMMENT ON TABLE identity.incident IS 'what went wrong, what was done at once, and the cause, without which none is closed';

CREATE TABLE identity.key (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    workload_id uuid NOT NULL,
    fingerprint bytea NOT NULL,
    pepper_version integer NOT NULL,
    label text DEFAULT ''::text NOT NULL,
    owner text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    revoked_reason text,
    exception jsonb,
    purpose text DEFAULT ''::text NOT NULL,
    replaced_by text,
    replaced_at timestamp with time zone,
    retires_at timestamp with time zone,
    proof text,
    thumbprint bytea,
    bindings jsonb,
    honeytoken boolean DEFAULT false NOT NULL,
    CONSTRAINT key_bindings_check CHECK ((octet_length((bindings)::text) <= 16384)),
    CONSTRAINT key_bound_whole CHECK (((proof IS NULL) = (thumbprint IS NULL))),
    CONSTRAINT key_check CHECK ((expires_at > created_at)),
    CONSTRAINT key_check1 CHECK (((revoked_at IS NULL) = (revoked_reason IS NULL))),
    CONSTRAINT key_check2 CHECK (((replaced_by IS NULL) = (replaced_at IS NULL))),
    CONSTRAINT key_check3 CHECK (((replaced_by IS NULL) = (retires_at IS NULL))),
    CONSTRAINT key_check4 CHECK ((replaced_by <> id)),
    CONSTRAINT key_fingerprint_check CHECK ((octet_length(fingerprint) = 32)),
    CONSTRAINT key_id_check CHECK ((id ~ '^[0-9a-z]{16}$'::text)),
    CONSTRAINT key_owner_check CHECK ((owner <> ''::text)),
    CONSTRAINT key_pepper_version_check CHECK ((pepper_version > 0)),
    CONSTRAINT key_proof_check CHECK ((proof = ANY (ARRAY['dpop'::text, 'mtls'::text, 'signature'::text]))),
    CONSTRAINT key_thumbprint_check CHECK ((octet_length(thumbprint) = 32))
);

ALTER TABLE ONLY identity.key FORCE ROW LEVEL SECURITY;

ALTER TABLE identity.key OWNER TO sr_owner;

COMMENT ON TABLE identity.key IS 'credentials of workloads: a keyed fingerprint, never the secret';

COMMENT ON COLUMN identity.key.purpose IS 'what this key is for, where that is narrower than what its workload is for';

COMMENT ON COLUMN identity.key.retires_at IS 'when a replaced key stops counting; it may end before that and never after';

COMMENT ON COLUMN identity.key.thumbprint IS 'SHA-256 of what it is bound to: a public key (RFC 7638), a certificate, or a signer (its SubjectPublicKeyInfo)';

COMMENT ON COLUMN identity.key.bindings IS 'each takes away from what the role allows; null: nothing is bound';

COMMENT ON COLUMN identity.key.honeytoken IS 'it was laid out to be found: it never counts, and its use opens an incident; it cannot become a key that does';

CREATE TABLE identity.key_neglect (
    tenant_id uuid NOT NULL,
    key_id text NOT NULL,
    concern text NOT NULL,
    told_at timestamp with time zone NOT NULL,
    CONSTRAINT key_neglect_concern_check CHECK ((concern = ANY (ARRAY['stale'::text, 'never-used'::text]))),
    CONSTRAINT key_neglect_key_id_check CHECK (((length(key_id) >= 1) AND (length(key_id) <= 64)))
);

ALTER TABLE ONLY identity.key_neglect FORCE ROW LEVEL SECURITY;

ALTER TABLE identity.key_neglect OWNER TO sr_owner;

COMMENT ON TABLE identity.key_neglect IS 'when the log was told that a key is not used';

CREATE TABLE identity.notice (
    id uuid NOT NULL,
    body jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    delivered_at timestamp with time zone
);

ALTER TABLE identity.notice OWNER TO sr_owner;

COMMENT ON TABLE identity.notice IS 'what somebody is to be paged with, until it was delivered; for operators only';

CREATE TABLE identity.request (
    id uuid NOT NULL,
    kind text NOT NULL,
    digest text NOT NULL,
    subject jsonb NOT NULL,
    about uuid,
    person text NOT NULL,
    material text NOT NULL,
    requester text NOT NULL,
    ticket text NOT NULL,
    reason text NOT NULL,
    needed integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    denied_at timestamp with time zone,
    approved_at timestamp with time zone,
    used_at timestamp with time zone,
    withdrawn_at timestamp with time zone,
    CONSTRAINT request_check CHECK ((expires_at > created_at)),
    CONSTRAINT request_digest_check CHECK ((digest ~ '^sha256:[0-9a-f]{64}$'::text)),
    CONSTRAINT request_kind_check CHECK ((kind = ANY (ARRAY['elevation'::text, 'policy'::text, 'rules'::text, 'account'::text, 'provider'::text, 'capture'::text, 'channel'::text, 'retention'::text]))),
    CONSTRAINT request_needed_check CHECK (((needed >= 0) AND (needed <= 5))),
    CONSTRAINT request_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 500))),
    CONSTRAINT request_subject_check CHECK ((octet_length((subject)::text) <= 262144)),
    CONSTRAINT request_ticket_check CHECK ((length(ticket) <= 100))
);

ALTER TABLE ONLY identity.request FORCE ROW LEVEL SECURITY;

ALTER TABLE identity.request OWNER TO sr_owner;

COMMENT ON TABLE identity.request IS 'what was asked for, bound to the digest of exactly that; for operators only';

CREATE TABLE identity.signer (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    workload_id uuid NOT NULL,
    algorithm text NOT NULL,
    public_key bytea NOT NULL,
    label text DEFAULT ''::text NOT NULL,
    owner text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    revoked_reason text,
    CONSTRAINT signer_algorithm_check CHECK ((algorithm = ANY (ARRAY['ed25519'::text, 'ecdsa-p256-sha256'::text]))),
    CONSTRAINT signer_check CHECK ((expires_at > created_at)),
    CONSTRAINT signer_check1 CHECK (((revoked_at IS NULL) = (revoked_reason IS NULL))),
    CONSTRAINT signer_id_check CHECK ((id ~ '^[0-9a-f]{32}$'::text)),
    CONSTRAINT signer_owner_check CHECK ((owner <> ''::text)),
    CONSTRAINT signer_public_key_check CHECK (((octet_length(public_key) >= 32) AND (octet_length(public_key) <= 512)))
);

ALTER TABLE ONLY identity.signer FORCE ROW LEVEL SECURITY;

ALTER TABLE identity.signer OWNER TO sr_owner;

COMMENT ON TABLE identity.signer IS 'public keys that workloads sign their requests with; the id is the key''s own, so one that ended never comes back';

CREATE TABLE identity.tenant (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    business_unit text,
    CONSTRAINT tenant_business_unit_check CHECK ((business_unit ~ '^[a-z0-9][a-z0-9-]{0,47}$'::text)),
    CONSTRAINT tenant_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9.-]{0,62}$'::text)),
    CONSTRAINT tenant_tenant_id_check CHECK ((tenant_id <> '00000000-0000-0000-0000-000000000000'::uuid))
);

ALTER TABLE ONLY identity.tenant FORCE ROW LEVEL SECURITY;

ALTER TABLE identity.tenant OWNER TO sr_owner;

COMMENT ON TABLE identity.tenant IS 'one row per tenant, kept after deletion so that its id is never used again';

COMMENT ON COLUMN identity.tenant.business_unit IS 'as it was asked for when the tenant was made; where its keys are, the vault itself has written down';

CREATE TABLE identity.vote (
    request_id uuid NOT NULL,
    person text NOT NULL,
    material text NOT NULL,
    voter text NOT NULL,
    verdict text NOT NULL,
    reason text NOT NULL,
    digest text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT vote_digest_check CHECK ((digest ~ '^sha256:[0-9a-f]{64}$'::text)),
    CONSTRAINT vote_reason_check CHECK ((length(reason) <= 500)),
    CONSTRAINT vote_verdict_check CHECK ((verdict = ANY (ARRAY['approve'::text, 'deny'::text])))
);

ALTER TABLE ONLY identity.vote FORCE ROW LEVEL SECURITY;

ALTER TABLE identity.vote OWNER TO sr_owner;

COMMENT ON TABLE identity.vote IS 'who approved or denied a request, with the reason; never changed; for operators only';

CREATE TABLE identity.workload (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    environment text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    owner text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    team text NOT NULL,
    pager text NOT NULL,
    purpose text NOT NULL,
    CONSTRAINT workload_notebook_check CHECK (((role <> 'notebook'::text) OR (environment <> 'prod'::text))),
    CONSTRAINT workload_owner_check CHECK ((owner <> ''::text)),
    CONSTRAINT workload_pager_check CHECK ((pager <> ''::text)),
    CONSTRAINT workload_purpose_check CHECK ((purpose <> ''::text)),
    CONSTRAINT workload_role_check CHECK ((role = ANY (ARRAY['inference'::text, 'evaluation'::text, 'ingestion'::text, 'training'::text, 'support'::text, 'notebook'::text]))),
    CONSTRAINT workload_team_check CHECK ((team <> ''::text))
);

ALTER TABLE ONLY identity.workload FORCE ROW LEVEL SECURITY;

ALTER TABLE identity.workload OWNER TO sr_owner;

COMMENT ON TABLE identity.workload IS 'a program of a tenant that calls models, in one environment and one role';

COMMENT ON COLUMN identity.workload.pager IS 'whom to wake: a rota, an address or a telephone number, in words';

CREATE TABLE limits.counter (
    tenant_id uuid NOT NULL,
    subject text NOT NULL,
    measure text NOT NULL,
    amount bigint NOT NULL,
    burst bigint NOT NULL,
    level bigint NOT NULL,
    period bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT counter_measure_check CHECK ((measure = ANY (ARRAY['requests_per_s'::text, 'tokens_per_min'::text, 'tokens_per_day'::text, 'cost_per_day'::text, 'lifetime_queries'::text, 'concurrency'::text]))),
    CONSTRAINT counter_subject_check CHECK (((length(subject) >= 1) AND (length(subject) <= 512))),
    CONSTRAINT counter_tenant_id_check CHECK ((tenant_id <> '00000000-0000-0000-0000-000000000000'::uuid))
);

ALTER TABLE ONLY limits.counter FORCE ROW LEVEL SECURITY;

ALTER TABLE limits.counter OWNER TO sr_owner;

COMMENT ON TABLE limits.counter IS 'one row per limit and what it counts, by workload and not by key: rotation keeps the budget';

COMMENT ON COLUMN limits.counter.amount IS 'the limit that was in force when a share was last asked for, for people to read';

COMMENT ON COLUMN limits.counter.level IS 'of a rate: millionths of a unit that are left at that moment; else: units used in the period';

COMMENT ON COLUMN limits.counter.period IS 'of a day: days since 1970, UTC; else 0';

CREATE TABLE limits.holding (
    tenant_id uuid NOT NULL,
    subject text NOT NULL,
    holder uuid NOT NULL,
    slots bigint NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    CONSTRAINT holding_slots_check CHECK ((slots > 0))
);

ALTER TABLE ONLY limits.holding FORCE ROW LEVEL SECURITY;

ALTER TABLE limits.holding OWNER TO sr_owner;

COMMENT ON TABLE limits.holding IS 'slots of a limit on concurrency that one gateway process holds, until it renews, gives back or dies';

CREATE TABLE limits.taken (
    tenant_id uuid NOT NULL,
    party text NOT NULL,
    surface text NOT NULL,
    span text NOT NULL,
    began timestamp with time zone NOT NULL,
    row_count bigint NOT NULL,
    octets bigint NOT NULL,
    times bigint NOT NULL,
    CONSTRAINT taken_octets_check CHECK ((octets >= 0)),
    CONSTRAINT taken_party_check CHECK (((length(party) >= 1) AND (length(party) <= 200))),
    CONSTRAINT taken_row_count_check CHECK ((row_count >= 0)),
    CONSTRAINT taken_span_check CHECK ((span = ANY (ARRAY['hour'::text, 'day'::text]))),
    CONSTRAINT taken_surface_check CHECK ((surface ~ '^[a-z]{1,32}$'::text)),
    CONSTRAINT taken_times_check CHECK ((times >= 0))
);

ALTER TABLE ONLY limits.taken FORCE ROW LEVEL SECURITY;

ALTER TABLE limits.taken OWNER TO sr_owner;

COMMENT ON TABLE limits.taken IS 'what was taken out in this hour and on this day, by account, by workload and of the tenant; the nil tenant is the installation';

COMMENT ON COLUMN limits.taken.party IS '`account:ROLE/NAME`, `workload:ENV/NAME`, or `tenant`: the sum of all';

CREATE TABLE providers.provider (
    id uuid NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    engine text NOT NULL,
    base_url text NOT NULL,
    ca text,
    secret bytea,
    secret_version integer NOT NULL,
    open_to uuid[],
    region text,
    agreement text,
    assessed_on date,
    assessed_until date,
    owner text NOT NULL,
    version integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT provider_base_url_check CHECK (((base_url ~ '^https?://'::text) AND (length(base_url) <= 512))),
    CONSTRAINT provider_ca_check CHECK ((length(ca) <= 65536)),
    CONSTRAINT provider_check CHECK ((((assessed_on IS NULL) = (assessed_until IS NULL)) AND (assessed_until >= assessed_on))),
    CONSTRAINT provider_ended_check CHECK (((deleted_at IS NULL) OR (secret IS NULL) OR (octet_length(secret) = 5))),
    CONSTRAINT provider_engine_check CHECK ((engine = ANY (ARRAY['openai'::text, 'vllm'::text, 'other'::text]))),
    CONSTRAINT provider_kind_check CHECK ((kind = ANY (ARRAY['openai'::text, 'anthropic'::text, 'oip'::text]))),
    CONSTRAINT provider_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9.-]{0,62}$'::text)),
    CONSTRAINT provider_secret_check CHECK ((octet_length(secret) <= 8192)),
    CONSTRAINT provider_secret_version_check CHECK ((secret_version > 0)),
    CONSTRAINT provider_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY providers.provider FORCE ROW LEVEL SECURITY;

ALTER TABLE providers.provider OWNER TO sr_owner;

COMMENT ON TABLE providers.provider IS 'one row per upstream outside this machine; its secret is sealed, never readable here';

COMMENT ON COLUMN providers.provider.secret IS 'which version counts of what the vault holds; until it was moved there, sealed, bound to id, secret_version, kind and base_url';

COMMENT ON COLUMN providers.provider.open_to IS 'the tenants that may name it; null: all of them';

CREATE TABLE registry.approver_key (
    account_id uuid NOT NULL,
    key_id text NOT NULL,
    certificate bytea NOT NULL,
    made_at timestamp with time zone NOT NULL,
    CONSTRAINT approver_key_certificate_check CHECK (((octet_length(certificate) >= 1) AND (octet_length(certificate) <= 16384))),
    CONSTRAINT approver_key_key_id_check CHECK ((key_id ~ '^[0-9a-f]{32}$'::text))
);

ALTER TABLE registry.approver_key OWNER TO sr_owner;

COMMENT ON TABLE registry.approver_key IS 'public keys that approvers sign with themselves; added, never changed; of the installation, not of a tenant';

CREATE TABLE registry.canary (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    deployment_id uuid,
    label text NOT NULL,
    word text NOT NULL,
    planted_at timestamp with time zone NOT NULL,
    planted_by text NOT NULL,
    retired_at timestamp with time zone,
    recognised_until timestamp with time zone,
    CONSTRAINT canary_check CHECK (((retired_at IS NULL) = (recognised_until IS NULL))),
    CONSTRAINT canary_label_check CHECK (((length(label) >= 1) AND (length(label) <= 100))),
    CONSTRAINT canary_planted_by_check CHECK (((length(planted_by) >= 1) AND (length(planted_by) <= 200))),
    CONSTRAINT canary_word_check CHECK ((word ~ '^[a-z]{12}$'::text))
);

ALTER TABLE ONLY registry.canary FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.canary OWNER TO sr_owner;

COMMENT ON TABLE registry.canary IS 'words planted in instructions and documents, so that a copy of either is known when it turns up';

CREATE TABLE registry.channel (
    channel text NOT NULL,
    stamp bytea NOT NULL,
    renewed_at timestamp with time zone NOT NULL,
    CONSTRAINT channel_channel_check CHECK ((channel = ANY (ARRAY['dev'::text, 'test'::text, 'prod'::text, 'revocations'::text]))),
    CONSTRAINT channel_stamp_check CHECK (((octet_length(stamp) >= 1) AND (octet_length(stamp) <= 65536)))
);

ALTER TABLE registry.channel OWNER TO sr_owner;

COMMENT ON TABLE registry.channel IS 'the newest timestamp of each channel, signed anew while the channel stands; of the installation, not of a tenant';

CREATE TABLE registry.channel_metadata (
    channel text NOT NULL,
    role text NOT NULL,
    version bigint NOT NULL,
    body bytea NOT NULL,
    made_at timestamp with time zone NOT NULL,
    CONSTRAINT channel_metadata_body_check CHECK (((octet_length(body) >= 1) AND (octet_length(body) <= 16777216))),
    CONSTRAINT channel_metadata_channel_check CHECK ((channel = ANY (ARRAY['dev'::text, 'test'::text, 'prod'::text, 'revocations'::text]))),
    CONSTRAINT channel_metadata_role_check CHECK ((role = ANY (ARRAY['root'::text, 'snapshot'::text, 'targets'::text]))),
    CONSTRAINT channel_metadata_version_check CHECK ((version > 0))
);

ALTER TABLE registry.channel_metadata OWNER TO sr_owner;

COMMENT ON TABLE registry.channel_metadata IS 'every version of what a channel said, signed; added, never changed; of the installation, not of a tenant';

CREATE TABLE registry.content_subject (
    tenant_id uuid NOT NULL,
    subject text NOT NULL,
    file text NOT NULL,
    part text NOT NULL,
    rows integer NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT content_subject_file_check CHECK ((file ~ '^(dataset|training):[0-9a-z:-]{1,200}$'::text)),
    CONSTRAINT content_subject_part_check CHECK ((part = ANY (ARRAY['rows'::text, 'rejects'::text]))),
    CONSTRAINT content_subject_rows_check CHECK ((rows > 0)),
    CONSTRAINT content_subject_subject_check CHECK ((subject ~ '^sub_[0-9a-f]{32}$'::text))
);

ALTER TABLE ONLY registry.content_subject FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.content_subject OWNER TO sr_owner;

COMMENT ON TABLE registry.content_subject IS 'how many rows of a data set or a training file are of which person; gone when they are';

CREATE TABLE registry.dataset (
    tenant_id uuid NOT NULL,
    digest text NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    environment text NOT NULL,
    manifest bytea NOT NULL,
    verdict bytea NOT NULL,
    added_at timestamp with time zone NOT NULL,
    withdrawn_at timestamp with time zone,
    withdrawn_by text,
    withdrawn_for text,
    CONSTRAINT dataset_check CHECK ((num_nonnulls(withdrawn_at, withdrawn_by, withdrawn_for) = ANY (ARRAY[0, 3]))),
    CONSTRAINT dataset_digest_check CHECK ((digest ~ '^sha256:[0-9a-f]{64}$'::text)),
    CONSTRAINT dataset_manifest_check CHECK (((octet_length(manifest) >= 1) AND (octet_length(manifest) <= 16384))),
    CONSTRAINT dataset_name_check CHECK (((length(name) >= 1) AND (length(name) <= 63))),
    CONSTRAINT dataset_verdict_check CHECK (((octet_length(verdict) >= 1) AND (octet_length(verdict) <= 1048576))),
    CONSTRAINT dataset_version_check CHECK (((length(version) >= 1) AND (length(version) <= 64))),
    CONSTRAINT dataset_withdrawn_by_check CHECK (((length(withdrawn_by) >= 1) AND (length(withdrawn_by) <= 200))),
    CONSTRAINT dataset_withdrawn_for_check CHECK (((length(withdrawn_for) >= 1) AND (length(withdrawn_for) <= 1000)))
);

ALTER TABLE ONLY registry.dataset FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.dataset OWNER TO sr_owner;

COMMENT ON TABLE registry.dataset IS 'versions of a tenant''s data sets by the digest of their manifest; their rows rest sealed in the content store';

CREATE TABLE registry.dataset_approval (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    digest text NOT NULL,
    account_id uuid NOT NULL,
    statement bytea NOT NULL,
    made_at timestamp with time zone NOT NULL,
    CONSTRAINT dataset_approval_statement_check CHECK (((octet_length(statement) >= 1) AND (octet_length(statement) <= 16384)))
);

ALTER TABLE ONLY registry.dataset_approval FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.dataset_approval OWNER TO sr_owner;

COMMENT ON TABLE registry.dataset_approval IS 'signed approvals of data sets; added, never changed';

CREATE TABLE registry.dataset_grant (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    digest text NOT NULL,
    workload_id uuid NOT NULL,
    granted_by text NOT NULL,
    granted_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT dataset_grant_granted_by_check CHECK (((length(granted_by) >= 1) AND (length(granted_by) <= 200)))
);

ALTER TABLE ONLY registry.dataset_grant FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.dataset_grant OWNER TO sr_owner;

COMMENT ON TABLE registry.dataset_grant IS 'which training workload may read which data set, until it is revoked';

CREATE TABLE registry.deployment (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    environment text NOT NULL,
    name text NOT NULL,
    release_digest text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    kind text,
    prompt_digest text,
    own_digest text,
    runtime text,
    CONSTRAINT deployment_kind_check CHECK ((kind = ANY (ARRAY['chat'::text, 'embedding'::text, 'moderation'::text, 'infer'::text]))),
    CONSTRAINT deployment_runtime_check CHECK ((runtime ~ '^sha256:[0-9a-f]{64}$'::text)),
    CONSTRAINT deployment_serves CHECK ((num_nonnulls(release_digest, own_digest, kind) = 1))
);

ALTER TABLE ONLY registry.deployment FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.deployment OWNER TO sr_owner;

COMMENT ON TABLE registry.deployment IS 'which release a tenant calls by which name in which environment';

COMMENT ON COLUMN registry.deployment.runtime IS 'digest of the installation as it was when the deployment was made; none: before this column, or of targets outside';

CREATE TABLE registry.deployment_served (
    tenant_id uuid NOT NULL,
    deployment_id uuid NOT NULL,
    id uuid NOT NULL,
    before_digest text,
    digest text,
    said_by text NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT deployment_served_check CHECK ((num_nonnulls(before_digest, digest) >= 1)),
    CONSTRAINT deployment_served_reason_check CHECK ((length(reason) <= 1000)),
    CONSTRAINT deployment_served_said_by_check CHECK (((length(said_by) >= 1) AND (length(said_by) <= 200)))
);

ALTER TABLE ONLY registry.deployment_served FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.deployment_served OWNER TO sr_owner;

COMMENT ON TABLE registry.deployment_served IS 'what deployments served instead of what, since when and by whose hand; no digest: withdrawn; added, never changed';

CREATE TABLE registry.evaluation (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    release_digest text NOT NULL,
    environment text NOT NULL,
    statement bytea NOT NULL,
    made_at timestamp with time zone NOT NULL,
    CONSTRAINT evaluation_environment_check CHECK ((environment = ANY (ARRAY['dev'::text, 'test'::text, 'prod'::text]))),
    CONSTRAINT evaluation_release_digest_check CHECK ((release_digest ~ '^sha256:[0-9a-f]{64}$'::text)),
    CONSTRAINT evaluation_statement_check CHECK (((octet_length(statement) >= 1) AND (octet_length(statement) <= 1048576)))
);

ALTER TABLE ONLY registry.evaluation FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.evaluation OWNER TO sr_owner;

COMMENT ON TABLE registry.evaluation IS 'signed results of suites, by tenant and release; added, never changed; no answers in them';

CREATE TABLE registry.evidence (
    release_digest text NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    account_id uuid,
    statement bytea NOT NULL,
    made_at timestamp with time zone NOT NULL,
    CONSTRAINT evidence_check CHECK (((kind = 'approval'::text) = (account_id IS NOT NULL))),
    CONSTRAINT evidence_kind_check CHECK ((kind = ANY (ARRAY['manifest'::text, 'scan'::text, 'signature'::text, 'approval'::text]))),
    CONSTRAINT evidence_statement_check CHECK (((octet_length(statement) >= 1) AND (octet_length(statement) <= 16777216)))
);

ALTER TABLE registry.evidence OWNER TO sr_owner;

COMMENT ON TABLE registry.evidence IS 'manifests of releases and signed statements about them; added, never changed; of the installation, not of a tenant';

CREATE TABLE registry.label (
    tenant_id uuid NOT NULL,
    request_id uuid NOT NULL,
    release_digest text NOT NULL,
    environment text NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    label text NOT NULL,
    predicted text NOT NULL,
    score double precision,
    told_at timestamp with time zone NOT NULL,
    erased_at timestamp with time zone,
    subject text,
    by_workload uuid,
    CONSTRAINT label_environment_check CHECK ((environment = ANY (ARRAY['dev'::text, 'test'::text, 'prod'::text]))),
    CONSTRAINT label_label_check CHECK (((length(label) >= 1) AND (length(label) <= 64))),
    CONSTRAINT label_predicted_check CHECK (((length(predicted) >= 1) AND (length(predicted) <= 64))),
    CONSTRAINT label_subject_check CHECK ((subject ~ '^sub_[0-9a-f]{32}$'::text))
);

ALTER TABLE ONLY registry.label FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.label OWNER TO sr_owner;

COMMENT ON TABLE registry.label IS 'what turned out to be right for a request, what was predicted, and the score; never what was asked';

COMMENT ON COLUMN registry.label.by_workload IS 'the workload that told it; null: an administrator of the tenant did';

CREATE TABLE registry.lineage_edge (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    source text NOT NULL,
    target text NOT NULL,
    said_by text NOT NULL,
    reason text NOT NULL,
    observed boolean NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT lineage_edge_reason_check CHECK ((length(reason) <= 1000)),
    CONSTRAINT lineage_edge_said_by_check CHECK (((length(said_by) >= 1) AND (length(said_by) <= 200))),
    CONSTRAINT lineage_edge_source_check CHECK (((length(source) >= 3) AND (length(source) <= 500))),
    CONSTRAINT lineage_edge_target_check CHECK (((length(target) >= 3) AND (length(target) <= 500)))
);

ALTER TABLE ONLY registry.lineage_edge FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.lineage_edge OWNER TO sr_owner;

COMMENT ON TABLE registry.lineage_edge IS 'what went into what: a data set or release into a run, a run or data set into a release; added, never changed';

CREATE TABLE registry.lineage_run (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    environment text NOT NULL,
    name text NOT NULL,
    said_by text NOT NULL,
    observed boolean NOT NULL,
    state text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    facts jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT lineage_run_facts_check CHECK ((octet_length((facts)::text) <= 65536)),
    CONSTRAINT lineage_run_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT lineage_run_said_by_check CHECK (((length(said_by) >= 1) AND (length(said_by) <= 200))),
    CONSTRAINT lineage_run_state_check CHECK ((state = ANY (ARRAY['started'::text, 'completed'::text, 'failed'::text, 'aborted'::text])))
);

ALTER TABLE ONLY registry.lineage_run FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.lineage_run OWNER TO sr_owner;

COMMENT ON TABLE registry.lineage_run IS 'training runs of a tenant, those that this installation ran and those that somebody told of';

CREATE TABLE registry.outside_evidence (
    subject_digest text NOT NULL,
    id uuid NOT NULL,
    about text NOT NULL,
    document text NOT NULL,
    seal bytea NOT NULL,
    sealed bytea NOT NULL,
    made_at timestamp with time zone NOT NULL,
    CONSTRAINT outside_evidence_about_check CHECK ((about = ANY (ARRAY['release'::text, 'runtime'::text, 'image'::text]))),
    CONSTRAINT outside_evidence_document_check CHECK ((document ~ '^sha256:[0-9a-f]{64}$'::text)),
    CONSTRAINT outside_evidence_seal_check CHECK (((octet_length(seal) >= 1) AND (octet_length(seal) <= 8388608))),
    CONSTRAINT outside_evidence_sealed_check CHECK (((octet_length(sealed) >= 1) AND (octet_length(sealed) <= 8388608))),
    CONSTRAINT outside_evidence_subject_digest_check CHECK ((subject_digest ~ '^sha256:[0-9a-f]{64}$'::text))
);

ALTER TABLE registry.outside_evidence OWNER TO sr_owner;

COMMENT ON TABLE registry.outside_evidence IS 'signed documents of others about releases of the installation, about itself and its image; added, never changed; of the installation, not of a tenant';

CREATE TABLE registry.own_evidence (
    tenant_id uuid NOT NULL,
    release_digest text NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    account_id uuid,
    statement bytea NOT NULL,
    made_at timestamp with time zone NOT NULL,
    CONSTRAINT own_evidence_check CHECK (((kind = 'approval'::text) = (account_id IS NOT NULL))),
    CONSTRAINT own_evidence_kind_check CHECK ((kind = ANY (ARRAY['manifest'::text, 'scan'::text, 'signature'::text, 'approval'::text]))),
    CONSTRAINT own_evidence_statement_check CHECK (((octet_length(statement) >= 1) AND (octet_length(statement) <= 16777216)))
);

ALTER TABLE ONLY registry.own_evidence FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.own_evidence OWNER TO sr_owner;

COMMENT ON TABLE registry.own_evidence IS 'manifests of a tenant''s releases and signed statements about them; added, never changed';

CREATE TABLE registry.own_outside_evidence (
    tenant_id uuid NOT NULL,
    subject_digest text NOT NULL,
    id uuid NOT NULL,
    about text NOT NULL,
    document text NOT NULL,
    seal bytea NOT NULL,
    sealed bytea NOT NULL,
    made_at timestamp with time zone NOT NULL,
    CONSTRAINT own_outside_evidence_about_check CHECK ((about = 'release'::text)),
    CONSTRAINT own_outside_evidence_document_check CHECK ((document ~ '^sha256:[0-9a-f]{64}$'::text)),
    CONSTRAINT own_outside_evidence_seal_check CHECK (((octet_length(seal) >= 1) AND (octet_length(seal) <= 8388608))),
    CONSTRAINT own_outside_evidence_sealed_check CHECK (((octet_length(sealed) >= 1) AND (octet_length(sealed) <= 8388608)))
);

ALTER TABLE ONLY registry.own_outside_evidence FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.own_outside_evidence OWNER TO sr_owner;

COMMENT ON TABLE registry.own_outside_evidence IS 'signed documents of others about a tenant''s own releases; added, never changed';

CREATE TABLE registry.own_release (
    tenant_id uuid NOT NULL,
    digest text NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    kind text NOT NULL,
    format text NOT NULL,
    bytes bigint NOT NULL,
    source text NOT NULL,
    author text NOT NULL,
    admitted_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT own_release_author_check CHECK (((length(author) >= 1) AND (length(author) <= 200))),
    CONSTRAINT own_release_bytes_check CHECK ((bytes > 0)),
    CONSTRAINT own_release_digest_check CHECK ((digest ~ '^sha256:[0-9a-f]{64}$'::text)),
    CONSTRAINT own_release_format_check CHECK ((format = ANY (ARRAY['gguf'::text, 'onnx'::text, 'skops'::text, 'safetensors'::text]))),
    CONSTRAINT own_release_kind_check CHECK ((kind = ANY (ARRAY['chat'::text, 'embedding'::text, 'moderation'::text, 'infer'::text])))
);

ALTER TABLE ONLY registry.own_release FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.own_release OWNER TO sr_owner;

COMMENT ON TABLE registry.own_release IS 'models that a tenant brought, each by the digest of its manifest';

CREATE TABLE registry.prompt (
    tenant_id uuid NOT NULL,
    digest text NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    author text NOT NULL,
    sealed bytea NOT NULL,
    size integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    erased_at timestamp with time zone,
    CONSTRAINT prompt_check CHECK (((erased_at IS NULL) = (octet_length(sealed) > 0))),
    CONSTRAINT prompt_digest_check CHECK ((digest ~ '^sha256:[0-9a-f]{64}$'::text)),
    CONSTRAINT prompt_sealed_check CHECK ((octet_length(sealed) <= 262144)),
    CONSTRAINT prompt_size_check CHECK ((size > 0))
);

ALTER TABLE ONLY registry.prompt FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.prompt OWNER TO sr_owner;

COMMENT ON TABLE registry.prompt IS 'system prompts of a tenant by digest, their text sealed; erased with their tenant';

CREATE TABLE registry.prompt_approval (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    digest text NOT NULL,
    account_id uuid NOT NULL,
    statement bytea NOT NULL,
    made_at timestamp with time zone NOT NULL,
    CONSTRAINT prompt_approval_statement_check CHECK (((octet_length(statement) >= 1) AND (octet_length(statement) <= 16384)))
);

ALTER TABLE ONLY registry.prompt_approval FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.prompt_approval OWNER TO sr_owner;

COMMENT ON TABLE registry.prompt_approval IS 'signed approvals of system prompts; added, never changed';

CREATE TABLE registry.release (
    digest text NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    kind text NOT NULL,
    format text NOT NULL,
    bytes bigint NOT NULL,
    source text NOT NULL,
    admitted_at timestamp with time zone DEFAULT now() NOT NULL,
    author text,
    deleted_at timestamp with time zone,
    CONSTRAINT release_author_check CHECK (((length(author) >= 1) AND (length(author) <= 200))),
    CONSTRAINT release_bytes_check CHECK ((bytes > 0)),
    CONSTRAINT release_digest_check CHECK ((digest ~ '^sha256:[0-9a-f]{64}$'::text)),
    CONSTRAINT release_format_check CHECK ((format = ANY (ARRAY['gguf'::text, 'onnx'::text, 'skops'::text, 'safetensors'::text]))),
    CONSTRAINT release_kind_check CHECK ((kind = ANY (ARRAY['chat'::text, 'embedding'::text, 'moderation'::text, 'infer'::text])))
);

ALTER TABLE registry.release OWNER TO sr_owner;

COMMENT ON TABLE registry.release IS 'models that were admitted, each by the digest of its content; of the installation, not of a tenant';

COMMENT ON COLUMN registry.release.author IS 'who brought it; null: it came with the installation';

CREATE TABLE registry.serving_lack (
    tenant_id uuid NOT NULL,
    deployment_id uuid NOT NULL,
    digest text NOT NULL,
    state text NOT NULL,
    because text NOT NULL,
    since jsonb NOT NULL,
    first_at timestamp with time zone NOT NULL,
    until_at timestamp with time zone,
    CONSTRAINT serving_lack_because_check CHECK (((length(because) >= 1) AND (length(because) <= 4000))),
    CONSTRAINT serving_lack_digest_check CHECK ((digest ~ '^sha256:[0-9a-f]{64}$'::text)),
    CONSTRAINT serving_lack_since_check CHECK ((octet_length((since)::text) <= 65536)),
    CONSTRAINT serving_lack_state_check CHECK ((state = ANY (ARRAY['told'::text, 'stopped'::text])))
);

ALTER TABLE ONLY registry.serving_lack FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.serving_lack OWNER TO sr_owner;

COMMENT ON TABLE registry.serving_lack IS 'what a deployment lacks that serves already, by each rule that stops for it since when, and when it is stopped';

CREATE TABLE registry.source (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    statement bytea NOT NULL,
    added_at timestamp with time zone NOT NULL,
    CONSTRAINT source_name_check CHECK (((length(name) >= 1) AND (length(name) <= 63))),
    CONSTRAINT source_statement_check CHECK (((octet_length(statement) >= 1) AND (octet_length(statement) <= 16384)))
);

ALTER TABLE ONLY registry.source FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.source OWNER TO sr_owner;

COMMENT ON TABLE registry.source IS 'where a tenant''s data comes from, each as it was signed; added, never changed';

CREATE TABLE registry.target (
    tenant_id uuid NOT NULL,
    deployment_id uuid NOT NULL,
    "position" integer NOT NULL,
    provider_id uuid NOT NULL,
    model text NOT NULL,
    weight integer NOT NULL,
    fallback integer NOT NULL,
    CONSTRAINT target_fallback_check CHECK (((fallback >= 0) AND (fallback <= 15))),
    CONSTRAINT target_model_check CHECK ((model ~ '^[[:graph:]]{1,200}$'::text)),
    CONSTRAINT target_position_check CHECK ((("position" >= 0) AND ("position" <= 15))),
    CONSTRAINT target_weight_check CHECK (((weight >= 1) AND (weight <= 1000)))
);

ALTER TABLE ONLY registry.target FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.target OWNER TO sr_owner;

COMMENT ON TABLE registry.target IS 'which providers answer for a deployment: their name for the model, weights, and who stands in';

CREATE TABLE registry.training_event (
    tenant_id uuid NOT NULL,
    job_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    level text NOT NULL,
    message text NOT NULL,
    CONSTRAINT training_event_level_check CHECK ((level = ANY (ARRAY['info'::text, 'warn'::text, 'error'::text]))),
    CONSTRAINT training_event_message_check CHECK (((length(message) >= 1) AND (length(message) <= 1000)))
);

ALTER TABLE ONLY registry.training_event FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.training_event OWNER TO sr_owner;

COMMENT ON TABLE registry.training_event IS 'what training jobs said, in order of time';

CREATE TABLE registry.training_file (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    environment text NOT NULL,
    name text NOT NULL,
    bytes bigint NOT NULL,
    rows integer NOT NULL,
    columns text NOT NULL,
    sha256 text NOT NULL,
    kept_sha256 text NOT NULL,
    replaced text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    deleted_at timestamp with time zone,
    subject_column text,
    CONSTRAINT training_file_bytes_check CHECK ((bytes > 0)),
    CONSTRAINT training_file_created_by_check CHECK (((length(created_by) >= 1) AND (length(created_by) <= 200))),
    CONSTRAINT training_file_environment_check CHECK ((environment = ANY (ARRAY['dev'::text, 'test'::text, 'prod'::text]))),
    CONSTRAINT training_file_kept_sha256_check CHECK ((kept_sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT training_file_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT training_file_rows_check CHECK ((rows > 0)),
    CONSTRAINT training_file_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT training_file_subject_column_check CHECK (((length(subject_column) >= 1) AND (length(subject_column) <= 100)))
);

ALTER TABLE ONLY registry.training_file FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.training_file OWNER TO sr_owner;

COMMENT ON TABLE registry.training_file IS 'files to train with: what they are; their bytes are sealed under the tenant''s keys';

CREATE TABLE registry.training_job (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    environment text NOT NULL,
    workload_id uuid NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    file_id uuid,
    asked text NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    token_id text NOT NULL,
    status text NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    code text DEFAULT ''::text NOT NULL,
    message text DEFAULT ''::text NOT NULL,
    digest text DEFAULT ''::text NOT NULL,
    figures text DEFAULT '{}'::text NOT NULL,
    dataset_digest text,
    CONSTRAINT training_job_check CHECK (((finished_at IS NULL) = (status = ANY (ARRAY['queued'::text, 'running'::text, 'delivering'::text])))),
    CONSTRAINT training_job_created_by_check CHECK (((length(created_by) >= 1) AND (length(created_by) <= 200))),
    CONSTRAINT training_job_environment_check CHECK ((environment = ANY (ARRAY['dev'::text, 'test'::text, 'prod'::text]))),
    CONSTRAINT training_job_input_check CHECK ((num_nonnulls(file_id, dataset_digest) = 1)),
    CONSTRAINT training_job_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'delivering'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text])))
);

ALTER TABLE ONLY registry.training_job FORCE ROW LEVEL SECURITY;

ALTER TABLE registry.training_job OWNER TO sr_owner;

COMMENT ON TABLE registry.training_job IS 'training jobs: who asked for what, of which file, and what became of it';

CREATE TABLE retention.analytics (
    tenant_id uuid NOT NULL,
    day date NOT NULL,
    part integer NOT NULL,
    deployment text NOT NULL,
    release text NOT NULL,
    operation text NOT NULL,
    outcome text NOT NULL,
    requests bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cost_micro bigint NOT NULL,
    duration bigint[] NOT NULL,
    first_byte bigint[] NOT NULL,
    findings jsonb NOT NULL,
    CONSTRAINT analytics_cost_micro_check CHECK ((cost_micro >= 0)),
    CONSTRAINT analytics_deployment_check CHECK (((deployment ~ '^[0-9a-f-]{36}$'::text) OR (deployment = ANY (ARRAY[''::text, '*'::text])))),
    CONSTRAINT analytics_duration_check CHECK ((array_length(duration, 1) = 11)),
    CONSTRAINT analytics_findings_check CHECK ((octet_length((findings)::text) <= 65536)),
    CONSTRAINT analytics_first_byte_check CHECK ((array_length(first_byte, 1) = 11)),
    CONSTRAINT analytics_input_tokens_check CHECK ((input_tokens >= 0)),
    CONSTRAINT analytics_operation_check CHECK ((length(operation) <= 64)),
    CONSTRAINT analytics_outcome_check CHECK ((length(outcome) <= 16)),
    CONSTRAINT analytics_output_tokens_check CHECK ((output_tokens >= 0)),
    CONSTRAINT analytics_part_check CHECK ((part >= 0)),
    CONSTRAINT analytics_release_check CHECK ((length(release) <= 128)),
    CONSTRAINT analytics_requests_check CHECK ((requests > 0))
);

ALTER TABLE ONLY retention.analytics FORCE ROW LEVEL SECURITY;

ALTER TABLE retention.analytics OWNER TO sr_owner;

COMMENT ON TABLE retention.analytics IS 'records of a day in sum: by deployment, release, operation and outcome, small groups folded into one; no subject, key or workload';

CREATE TABLE retention.hold (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    class text NOT NULL,
    kind text NOT NULL,
    owner text NOT NULL,
    reason text NOT NULL,
    until timestamp with time zone,
    set_by text NOT NULL,
    set_at timestamp with time zone DEFAULT now() NOT NULL,
    released_at timestamp with time zone,
    released_by text,
    CONSTRAINT hold_check CHECK (((kind = 'hold'::text) OR (until IS NOT NULL))),
    CONSTRAINT hold_class_check CHECK ((class = ANY (ARRAY['records'::text, 'captures'::text, 'analytics'::text]))),
    CONSTRAINT hold_kind_check CHECK ((kind = ANY (ARRAY['hold'::text, 'exception'::text]))),
    CONSTRAINT hold_owner_check CHECK (((octet_length(owner) >= 1) AND (octet_length(owner) <= 128))),
    CONSTRAINT hold_reason_check CHECK (((octet_length(reason) >= 1) AND (octet_length(reason) <= 512))),
    CONSTRAINT hold_tenant_id_check CHECK ((tenant_id <> '00000000-0000-0000-0000-000000000000'::uuid))
);

ALTER TABLE ONLY retention.hold FORCE ROW LEVEL SECURITY;

ALTER TABLE retention.hold OWNER TO sr_owner;

COMMENT ON TABLE retention.hold IS 'why a tenant''s rows are kept beyond their days: a legal hold, or an exception that expires';

CREATE TABLE retention.manifest (
    tenant_id uuid NOT NULL,
    class text NOT NULL,
    day date NOT NULL,
    rows bigint NOT NULL,
    root bytea NOT NULL,
    dropped_at timestamp with time zone DEFAULT now() NOT NULL,
    request_id text NOT NULL,
    CONSTRAINT manifest_root_check CHECK ((octet_length(root) = 32)),
    CONSTRAINT manifest_rows_check CHECK ((rows > 0))
);

ALTER TABLE ONLY retention.manifest FORCE ROW LEVEL SECURITY;

ALTER TABLE retention.manifest OWNER TO sr_owner;

COMMENT ON TABLE retention.manifest IS 'what was dropped: how many rows of which day, and the root over them; the same stands in the tenant''s log, signed';

CREATE TABLE rules.document (
    tenant_id uuid NOT NULL,
    kind text NOT NULL,
    level text NOT NULL,
    version integer NOT NULL,
    digest text NOT NULL,
    body text NOT NULL,
    withdrawn boolean DEFAULT false NOT NULL,
    author text NOT NULL,
    credential text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    reason text NOT NULL,
    approved_by text,
    request_id uuid,
    seal bytea,
    CONSTRAINT document_body_check CHECK ((octet_length(body) <= 65536)),
    CONSTRAINT document_check CHECK (((level = 'default'::text) = (tenant_id = '00000000-0000-0000-0000-000000000000'::uuid))),
    CONSTRAINT document_check1 CHECK (((NOT withdrawn) OR (body = ''::text))),
    CONSTRAINT document_digest_check CHECK ((digest ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT document_kind_check CHECK ((kind ~ '^[a-z]{1,32}$'::text)),
    CONSTRAINT document_level_check CHECK ((level = ANY (ARRAY['default'::text, 'ceiling'::text, 'own'::text]))),
    CONSTRAINT document_reason_check CHECK ((reason <> ''::text)),
    CONSTRAINT document_seal_check CHECK (((octet_length(seal) >= 1) AND (octet_length(seal) <= 65536))),
    CONSTRAINT document_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY rules.document FORCE ROW LEVEL SECURITY;

ALTER TABLE rules.document OWNER TO sr_owner;

COMMENT ON TABLE rules.document IS 'every version of every document of rules; the nil tenant is the installation';

COMMENT ON COLUMN rules.document.seal IS 'the installation''s signature over a version of the kind approval; of other kinds none';

CREATE VIEW retention.rule WITH (security_invoker='true') AS
 WITH last AS (
         SELECT
                CASE
                    WHEN d.withdrawn THEN NULL::jsonb
                    ELSE (d.body)::jsonb
                END AS body,
            d.reason,
            d.author,
            d.at
           FROM rules.document d
          WHERE ((d.tenant_id = '00000000-0000-0000-0000-000000000000'::uuid) AND (d.kind = 'retention'::text) AND (d.level = 'default'::text))
          ORDER BY d.version DESC
         LIMIT 1
        ), said AS (
         SELECT r.value AS rule,
            l.reason,
            l.author,
            l.at
           FROM (last l
             CROSS JOIN LATERAL jsonb_array_elements((l.body -> 'rules'::text)) r(value))
        ), whose AS (
         SELECT s.rule,
            s.reason,
            s.author,
            s.at,
            '00000000-0000-0000-0000-000000000000'::uuid AS tenant_id
           FROM said s
          WHERE (NOT (s.rule ? 'tenants'::text))
        UNION ALL
         SELECT s.rule,
            s.reason,
            s.author,
            s.at,
            t.tenant_id
           FROM ((said s
             CROSS JOIN LATERAL jsonb_array_elements_text((s.rule -> 'tenants'::text)) n(name))
             JOIN identity.tenant t ON ((t.name = n.name)))
        )
 SELECT w.tenant_id,
    c.class,
    ((w.rule ->> c.class))::integer AS days,
        CASE
            WHEN (c.class = 'analytics'::text) THEN ((w.rule ->> 'smallest'::text))::integer
            ELSE NULL::integer
        END AS smallest,
    w.reason,
    w.author AS set_by,
    w.at AS set_at
   FROM (whose w
     CROSS JOIN ( VALUES ('records'::text), ('captures'::text), ('analytics'::text)) c(class))
  WHERE (w.rule ? c.class);

ALTER VIEW retention.rule OWNER TO sr_owner;

COMMENT ON VIEW retention.rule IS 'for how many days a class of rows is kept, as the document of rules says: of a tenant, or (tenant_id zero) of all that have no rule of their own';

CREATE TABLE retention.summary (
    tenant_id uuid NOT NULL,
    day date NOT NULL,
    part integer NOT NULL,
    records bigint NOT NULL,
    smallest integer NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT summary_part_check CHECK ((part >= 0)),
    CONSTRAINT summary_records_check CHECK ((records > 0)),
    CONSTRAINT summary_smallest_check CHECK (((smallest >= 1) AND (smallest <= 1000)))
);

ALTER TABLE ONLY retention.summary FORCE ROW LEVEL SECURITY;

ALTER TABLE retention.summary OWNER TO sr_owner;

COMMENT ON TABLE retention.summary IS 'which days of a tenant''s records are in the analytics, and of how many records; a further part is of what came after a drop';

CREATE TABLE rules.value_list (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    part integer NOT NULL,
    hashes bytea NOT NULL,
    most_words integer NOT NULL,
    at timestamp with time zone NOT NULL,
    author text NOT NULL,
    CONSTRAINT value_list_author_check CHECK (((length(author) >= 1) AND (length(author) <= 200))),
    CONSTRAINT value_list_hashes_check CHECK ((((octet_length(hashes) >= 16) AND (octet_length(hashes) <= 16000)) AND ((octet_length(hashes) % 16) = 0))),
    CONSTRAINT value_list_most_words_check CHECK (((most_words >= 1) AND (most_words <= 6))),
    CONSTRAINT value_list_name_check CHECK ((name ~ '^[a-z][a-z0-9_]{0,39}$'::text)),
    CONSTRAINT value_list_part_check CHECK ((part >= 1))
);

ALTER TABLE ONLY rules.value_list FORCE ROW LEVEL SECURITY;

ALTER TABLE rules.value_list OWNER TO sr_owner;

COMMENT ON TABLE rules.value_list IS 'values that a tenant wants to be found, as HMACs of 16 bytes under a key of the tenant and list, in no order';

CREATE TABLE store.migration (
    version integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT migration_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT migration_version_check CHECK ((version > 0))
);

ALTER TABLE store.migration OWNER TO sr_owner;

COMMENT ON TABLE store.migration IS 'which migrations made this database, each with the digest of its text';

CREATE TABLE subjects.hold (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    subject text,
    kind text NOT NULL,
    owner text NOT NULL,
    reason text,
    until timestamp with time zone,
    set_by text NOT NULL,
    set_at timestamp with time zone DEFAULT now() NOT NULL,
    released_at timestamp with time zone,
    released_by text,
    note bytea,
    CONSTRAINT hold_check CHECK (((kind = 'hold'::text) OR (until IS NOT NULL))),
    CONSTRAINT hold_check1 CHECK (((num_nonnulls(reason, note) <= 1) AND ((note IS NULL) OR (subject IS NOT NULL)))),
    CONSTRAINT hold_kind_check CHECK ((kind = ANY (ARRAY['hold'::text, 'exception'::text]))),
    CONSTRAINT hold_note_check CHECK ((octet_length(note) <= 8192)),
    CONSTRAINT hold_owner_check CHECK (((octet_length(owner) >= 1) AND (octet_length(owner) <= 128))),
    CONSTRAINT hold_reason_check CHECK (((octet_length(reason) >= 1) AND (octet_length(reason) <= 512))),
    CONSTRAINT hold_subject_check CHECK ((subject ~ '^sub_[0-9a-f]{32}$'::text))
);

ALTER TABLE ONLY subjects.hold FORCE ROW LEVEL SECURITY;

ALTER TABLE subjects.hold OWNER TO sr_owner;

COMMENT ON TABLE subjects.hold IS 'why data of a person, or of everybody in a tenant (subject null), is not erased: a legal hold, or an exception that expires';

CREATE TABLE subjects.request (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    subject text,
    state text DEFAULT 'requested'::text NOT NULL,
    ticket text NOT NULL,
    requested_by text NOT NULL,
    requested_with text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    confirmed_by text,
    confirmed_at timestamp with time zone,
    ended_at timestamp with time zone,
    refused_for text,
    verdict text,
    certificate text,
    note bytea,
    refused_note bytea,
    CONSTRAINT request_certificate_check CHECK ((octet_length(certificate) <= 1048576)),
    CONSTRAINT request_check CHECK (((subject IS NULL) = (kind = 'offboard'::text))),
    CONSTRAINT request_check1 CHECK (((ended_at IS NOT NULL) = (state = ANY (ARRAY['done'::text, 'refused'::text])))),
    CONSTRAINT request_check2 CHECK (((confirmed_by IS NULL) = (confirmed_at IS NULL))),
    CONSTRAINT request_check3 CHECK (((state = 'refused'::text) OR ((refused_for IS NULL) AND (refused_note IS NULL)))),
    CONSTRAINT request_check4 CHECK (((confirmed_by IS NULL) OR (confirmed_by <> requested_by))),
    CONSTRAINT request_confirmed_by_check CHECK (((length(confirmed_by) >= 1) AND (length(confirmed_by) <= 200))),
    CONSTRAINT request_kind_check CHECK ((kind = ANY (ARRAY['export'::text, 'erase'::text, 'offboard'::text]))),
    CONSTRAINT request_note_check CHECK ((octet_length(note) <= 8192)),
    CONSTRAINT request_refused_for_check CHECK (((length(refused_for) >= 1) AND (length(refused_for) <= 256))),
    CONSTRAINT request_refused_note_check CHECK ((octet_length(refused_note) <= 8192)),
    CONSTRAINT request_requested_by_check CHECK (((length(requested_by) >= 1) AND (length(requested_by) <= 200))),
    CONSTRAINT request_requested_with_check CHECK ((length(requested_with) <= 64)),
    CONSTRAINT request_state_check CHECK ((state = ANY (ARRAY['requested'::text, 'in-work'::text, 'done'::text, 'refused'::text]))),
    CONSTRAINT request_subject_check CHECK ((subject ~ '^sub_[0-9a-f]{32}$'::text)),
    CONSTRAINT request_ticket_check CHECK ((length(ticket) <= 64)),
    CONSTRAINT request_verdict_check CHECK ((verdict = ANY (ARRAY['erased'::text, 'incomplete'::text, 'exported'::text])))
);

ALTER TABLE ONLY subjects.request FORCE ROW LEVEL SECURITY;

ALTER TABLE subjects.request OWNER TO sr_owner;

COMMENT ON TABLE subjects.request IS 'requests of people, by pseudonym: what, since when, until when, who confirmed, and what came of it';

ALTER TABLE ONLY gateway.record ATTACH PARTITION gateway.record_default DEFAULT;

ALTER TABLE ONLY audit.anchor
    ADD CONSTRAINT anchor_pkey PRIMARY KEY (number);

ALTER TABLE ONLY audit.checkpoint
    ADD CONSTRAINT checkpoint_pkey PRIMARY KEY (tenant_id, epoch, size);

ALTER TABLE ONLY audit.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY audit.log
    ADD CONSTRAINT log_pkey PRIMARY KEY (tenant_id, epoch);

ALTER TABLE ONLY audit.platform_entry
    ADD CONSTRAINT platform_entry_pkey PRIMARY KEY (id);

ALTER TABLE ONLY audit.publication
    ADD CONSTRAINT publication_pkey PRIMARY KEY (number);

ALTER TABLE ONLY audit.pulse
    ADD CONSTRAINT pulse_pkey PRIMARY KEY (single);

ALTER TABLE ONLY audit.sidecar
    ADD CONSTRAINT sidecar_pkey PRIMARY KEY (tenant_id, entry_id, name);

ALTER TABLE ONLY audit.tile
    ADD CONSTRAINT tile_pkey PRIMARY KEY (tenant_id, epoch, level, number);

ALTER TABLE ONLY capture.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (tenant_id, session_id, id);

ALTER TABLE ONLY capture.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY feed.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (tenant_id, kind, id);

ALTER TABLE ONLY feed.version
    ADD CONSTRAINT version_pkey PRIMARY KEY (id);

ALTER TABLE ONLY flows.declaration
    ADD CONSTRAINT declaration_pkey PRIMARY KEY (tenant_id, number);

ALTER TABLE ONLY flows.edge
    ADD CONSTRAINT edge_pkey PRIMARY KEY (tenant_id, source, destination, data);

ALTER TABLE ONLY gateway.key_first
    ADD CONSTRAINT key_first_pkey PRIMARY KEY (tenant_id, key_id, kind, value);

ALTER TABLE ONLY gateway.key_use
    ADD CONSTRAINT key_use_pkey PRIMARY KEY (tenant_id, key_id, slot, address, agent);

ALTER TABLE ONLY gateway.nonce
    ADD CONSTRAINT nonce_pkey PRIMARY KEY (tenant_id, signer, nonce);

ALTER TABLE ONLY gateway.record
    ADD CONSTRAINT record_pkey PRIMARY KEY (tenant_id, day, id);

ALTER TABLE ONLY gateway.record_default
    ADD CONSTRAINT record_default_pkey PRIMARY KEY (tenant_id, day, id);

ALTER TABLE ONLY gateway.response
    ADD CONSTRAINT response_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY identity.access_token
    ADD CONSTRAINT access_token_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY identity.account_key
    ADD CONSTRAINT account_key_pkey PRIMARY KEY (id);

ALTER TABLE ONLY identity.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (id);

ALTER TABLE ONLY identity.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY identity.elevation
    ADD CONSTRAINT elevation_pkey PRIMARY KEY (request_id);

ALTER TABLE ONLY identity.environment
    ADD CONSTRAINT environment_pkey PRIMARY KEY (tenant_id, name);

ALTER TABLE ONLY identity.federation_rule
    ADD CONSTRAINT federation_rule_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY identity.incident
    ADD CONSTRAINT incident_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY identity.key_neglect
    ADD CONSTRAINT key_neglect_pkey PRIMARY KEY (tenant_id, key_id, concern);

ALTER TABLE ONLY identity.key
    ADD CONSTRAINT key_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY identity.notice
    ADD CONSTRAINT notice_pkey PRIMARY KEY (id);

ALTER TABLE ONLY identity.request
    ADD CONSTRAINT request_pkey PRIMARY KEY (id);

ALTER TABLE ONLY identity.signer
    ADD CONSTRAINT signer_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY identity.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (tenant_id);

ALTER TABLE ONLY identity.vote
    ADD CONSTRAINT vote_pkey PRIMARY KEY (request_id, person);

ALTER TABLE ONLY identity.workload
    ADD CONSTRAINT workload_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY limits.counter
    ADD CONSTRAINT counter_pkey PRIMARY KEY (tenant_id, subject, measure);

ALTER TABLE ONLY limits.holding
    ADD CONSTRAINT holding_pkey PRIMARY KEY (tenant_id, subject, holder);

ALTER TABLE ONLY limits.taken
    ADD CONSTRAINT taken_pkey PRIMARY KEY (tenant_id, party, surface, span);

ALTER TABLE ONLY providers.provider
    ADD CONSTRAINT provider_pkey PRIMARY KEY (id);

ALTER TABLE ONLY registry.approver_key
    ADD CONSTRAINT approver_key_pkey PRIMARY KEY (account_id, key_id);

ALTER TABLE ONLY registry.canary
    ADD CONSTRAINT canary_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY registry.channel_metadata
    ADD CONSTRAINT channel_metadata_pkey PRIMARY KEY (channel, role, version);

ALTER TABLE ONLY registry.channel
    ADD CONSTRAINT channel_pkey PRIMARY KEY (channel);

ALTER TABLE ONLY registry.content_subject
    ADD CONSTRAINT content_subject_pkey PRIMARY KEY (tenant_id, subject, file, part);

ALTER TABLE ONLY registry.dataset_approval
    ADD CONSTRAINT dataset_approval_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY registry.dataset_grant
    ADD CONSTRAINT dataset_grant_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY registry.dataset
    ADD CONSTRAINT dataset_name_version UNIQUE (tenant_id, name, version);

ALTER TABLE ONLY registry.dataset
    ADD CONSTRAINT dataset_pkey PRIMARY KEY (tenant_id, digest);

ALTER TABLE ONLY registry.deployment
    ADD CONSTRAINT deployment_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY registry.deployment_served
    ADD CONSTRAINT deployment_served_pkey PRIMARY KEY (tenant_id, deployment_id, id);

ALTER TABLE ONLY registry.evaluation
    ADD CONSTRAINT evaluation_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY registry.evidence
    ADD CONSTRAINT evidence_pkey PRIMARY KEY (release_digest, id);

ALTER TABLE ONLY registry.label
    ADD CONSTRAINT label_pkey PRIMARY KEY (tenant_id, request_id);

ALTER TABLE ONLY registry.lineage_edge
    ADD CONSTRAINT lineage_edge_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY registry.lineage_run
    ADD CONSTRAINT lineage_run_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY registry.outside_evidence
    ADD CONSTRAINT outside_evidence_pkey PRIMARY KEY (id);

ALTER TABLE ONLY registry.outside_evidence
    ADD CONSTRAINT outside_evidence_subject_digest_about_document_key UNIQUE (subject_digest, about, document);

ALTER TABLE ONLY registry.own_evidence
    ADD CONSTRAINT own_evidence_pkey PRIMARY KEY (tenant_id, release_digest, id);

ALTER TABLE ONLY registry.own_outside_evidence
    ADD CONSTRAINT own_outside_evidence_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY registry.own_outside_evidence
    ADD CONSTRAINT own_outside_evidence_tenant_id_subject_digest_about_documen_key UNIQUE (tenant_id, subject_digest, about, document);

ALTER TABLE ONLY registry.own_release
    ADD CONSTRAINT own_release_name_version UNIQUE (tenant_id, name, version);

ALTER TABLE ONLY registry.own_release
    ADD CONSTRAINT own_release_pkey PRIMARY KEY (tenant_id, digest);

ALTER TABLE ONLY registry.prompt_approval
    ADD CONSTRAINT prompt_approval_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY registry.prompt
    ADD CONSTRAINT prompt_pkey PRIMARY KEY (tenant_id, digest);

ALTER TABLE ONLY registry.prompt
    ADD CONSTRAINT prompt_tenant_id_name_version_key UNIQUE (tenant_id, name, version);

ALTER TABLE ONLY registry.release
    ADD CONSTRAINT release_name_version UNIQUE (name, version);

ALTER TABLE ONLY registry.release
    ADD CONSTRAINT release_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY registry.serving_lack
    ADD CONSTRAINT serving_lack_pkey PRIMARY KEY (tenant_id, deployment_id);

ALTER TABLE ONLY registry.source
    ADD CONSTRAINT source_pkey PRIMARY KEY (tenant_id, name);

ALTER TABLE ONLY registry.target
    ADD CONSTRAINT target_pkey PRIMARY KEY (tenant_id, deployment_id, "position");

ALTER TABLE ONLY registry.training_event
    ADD CONSTRAINT training_event_pkey PRIMARY KEY (tenant_id, job_id, id);

ALTER TABLE ONLY registry.training_file
    ADD CONSTRAINT training_file_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY registry.training_job
    ADD CONSTRAINT training_job_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY retention.analytics
    ADD CONSTRAINT analytics_pkey PRIMARY KEY (tenant_id, day, part, deployment, release, operation, outcome);

ALTER TABLE ONLY retention.hold
    ADD CONSTRAINT hold_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY retention.manifest
    ADD CONSTRAINT manifest_pkey PRIMARY KEY (tenant_id, class, day, dropped_at);

ALTER TABLE ONLY retention.summary
    ADD CONSTRAINT summary_pkey PRIMARY KEY (tenant_id, day, part);

ALTER TABLE ONLY rules.document
    ADD CONSTRAINT document_pkey PRIMARY KEY (tenant_id, kind, level, version);

ALTER TABLE ONLY rules.value_list
    ADD CONSTRAINT value_list_pkey PRIMARY KEY (tenant_id, name, part);

ALTER TABLE ONLY store.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (version);

ALTER TABLE ONLY subjects.hold
    ADD CONSTRAINT hold_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY subjects.request
    ADD CONSTRAINT request_pkey PRIMARY KEY (tenant_id, id);

CREATE INDEX entry_at ON audit.entry USING btree (tenant_id, at DESC, id DESC);

CREATE UNIQUE INDEX entry_seq ON audit.entry USING btree (tenant_id, epoch, seq) WHERE (seq IS NOT NULL);

CREATE INDEX entry_unsealed ON audit.entry USING btree (at, id) WHERE (sealed_at IS NULL);

CREATE INDEX platform_entry_at ON audit.platform_entry USING btree (at DESC, id DESC);

CREATE UNIQUE INDEX platform_entry_seq ON audit.platform_entry USING btree (epoch, seq) WHERE (seq IS NOT NULL);

CREATE INDEX platform_entry_unsealed ON audit.platform_entry USING btree (at, id) WHERE (sealed_at IS NULL);

CREATE INDEX sidecar_subject ON audit.sidecar USING btree (tenant_id, subject);

CREATE INDEX entry_day ON capture.entry USING btree (tenant_id, day);

CREATE INDEX entry_subject ON capture.entry USING btree (tenant_id, subject) WHERE (subject IS NOT NULL);

CREATE UNIQUE INDEX entry_credential ON feed.entry USING btree (id) WHERE ((kind = 'credential'::text) AND (NOT deleted));

CREATE INDEX entry_version ON feed.entry USING btree (version);

CREATE INDEX nonce_at ON gateway.nonce USING btree (at);

CREATE INDEX record_at ON ONLY gateway.record USING btree (tenant_id, at DESC, id DESC);

CREATE INDEX record_batch ON ONLY gateway.record USING btree (tenant_id, batch, id) WHERE (batch IS NOT NULL);

CREATE INDEX record_unsealed ON ONLY gateway.record USING btree (at, id) WHERE (batch IS NULL);

CREATE INDEX record_default_at_id_idx ON gateway.record_default USING btree (at, id) WHERE (batch IS NULL);

CREATE INDEX record_default_tenant_id_at_id_idx ON gateway.record_default USING btree (tenant_id, at DESC, id DESC);

CREATE INDEX record_default_tenant_id_batch_id_idx ON gateway.record_default USING btree (tenant_id, batch, id) WHERE (batch IS NOT NULL);

CREATE INDEX record_key ON ONLY gateway.record USING btree (tenant_id, key_id, at DESC);

CREATE INDEX record_default_tenant_id_key_id_at_idx ON gateway.record_default USING btree (tenant_id, key_id, at DESC);

CREATE INDEX record_subject ON ONLY gateway.record USING btree (tenant_id, subject) WHERE (subject IS NOT NULL);

CREATE INDEX record_default_tenant_id_subject_idx ON gateway.record_default USING btree (tenant_id, subject) WHERE (subject IS NOT NULL);

CREATE INDEX response_end ON gateway.response USING btree (expires_at);

CREATE INDEX response_subject ON gateway.response USING btree (tenant_id, subject) WHERE (subject IS NOT NULL);

CREATE INDEX response_workload ON gateway.response USING btree (tenant_id, workload_id) INCLUDE (expires_at, octets);

CREATE INDEX access_token_issued ON identity.access_token USING btree (tenant_id, issued_at DESC);

CREATE UNIQUE INDEX access_token_replay ON identity.access_token USING btree (tenant_id, replay);

CREATE INDEX access_token_rule ON identity.access_token USING btree (tenant_id, rule_id);

CREATE INDEX account_key_account ON identity.account_key USING btree (account_id);

CREATE UNIQUE INDEX account_name ON identity.account USING btree (name) WHERE (deleted_at IS NULL);

CREATE INDEX delivery_key ON identity.delivery USING btree (tenant_id, key_id);

CREATE INDEX federation_rule_workload ON identity.federation_rule USING btree (tenant_id, workload_id);

CREATE UNIQUE INDEX incident_once ON identity.incident USING btree (tenant_id, kind, subject) WHERE ((closed_at IS NULL) AND (kind <> 'key-leak'::text));

CREATE INDEX incident_open ON identity.incident USING btree (tenant_id, opened_at DESC);

CREATE INDEX key_replaced_by ON identity.key USING btree (tenant_id, replaced_by) WHERE (replaced_by IS NOT NULL);

CREATE INDEX key_workload ON identity.key USING btree (tenant_id, workload_id);

CREATE INDEX request_created ON identity.request USING btree (created_at DESC);

CREATE INDEX signer_workload ON identity.signer USING btree (tenant_id, workload_id);

CREATE UNIQUE INDEX tenant_name ON identity.tenant USING btree (name) WHERE (deleted_at IS NULL);

CREATE UNIQUE INDEX vote_material ON identity.vote USING btree (request_id, material);

CREATE UNIQUE INDEX workload_name ON identity.workload USING btree (tenant_id, environment, name) WHERE (deleted_at IS NULL);

CREATE UNIQUE INDEX provider_name ON providers.provider USING btree (name) WHERE (deleted_at IS NULL);

CREATE UNIQUE INDEX canary_planted ON registry.canary USING btree (tenant_id, deployment_id) WHERE (retired_at IS NULL);

CREATE INDEX content_subject_file ON registry.content_subject USING btree (tenant_id, file);

CREATE INDEX dataset_approval_made ON registry.dataset_approval USING btree (tenant_id, digest, made_at DESC);

CREATE UNIQUE INDEX dataset_grant_counts ON registry.dataset_grant USING btree (tenant_id, digest, workload_id) WHERE (revoked_at IS NULL);

CREATE INDEX dataset_grant_workload ON registry.dataset_grant USING btree (tenant_id, workload_id);

CREATE UNIQUE INDEX deployment_name ON registry.deployment USING btree (tenant_id, environment, name) WHERE (deleted_at IS NULL);

CREATE INDEX evaluation_made ON registry.evaluation USING btree (tenant_id, release_digest, made_at DESC, id DESC);

CREATE INDEX evidence_made ON registry.evidence USING btree (release_digest, made_at DESC, id DESC);

CREATE INDEX label_asked ON registry.label USING btree (tenant_id, release_digest, environment, asked_at DESC);

CREATE INDEX label_subject ON registry.label USING btree (tenant_id, subject) WHERE (subject IS NOT NULL);

CREATE UNIQUE INDEX lineage_edge_once ON registry.lineage_edge USING btree (tenant_id, source, target, said_by, observed);

CREATE INDEX lineage_run_environment ON registry.lineage_run USING btree (tenant_id, environment);

CREATE INDEX outside_evidence_made ON registry.outside_evidence USING btree (subject_digest, made_at DESC, id DESC);

CREATE INDEX own_evidence_made ON registry.own_evidence USING btree (tenant_id, release_digest, made_at DESC, id DESC);

CREATE INDEX own_outside_evidence_made ON registry.own_outside_evidence USING btree (tenant_id, subject_digest, made_at DESC, id DESC);

CREATE INDEX prompt_approval_made ON registry.prompt_approval USING btree (tenant_id, digest, made_at DESC);

CREATE INDEX training_job_made ON registry.training_job USING btree (tenant_id, created_at DESC, id DESC);

CREATE INDEX hold_active ON subjects.hold USING btree (tenant_id, subject) WHERE (released_at IS NULL);

CREATE INDEX request_open ON subjects.request USING btree (tenant_id, due_at) WHERE (ended_at IS NULL);

CREATE INDEX request_subject ON subjects.request USING btree (tenant_id, subject);

ALTER INDEX gateway.record_unsealed ATTACH PARTITION gateway.record_default_at_id_idx;

ALTER INDEX gateway.record_pkey ATTACH PARTITION gateway.record_default_pkey;

ALTER INDEX gateway.record_at ATTACH PARTITION gateway.record_default_tenant_id_at_id_idx;

ALTER INDEX gateway.record_batch ATTACH PARTITION gateway.record_default_tenant_id_batch_id_idx;

ALTER INDEX gateway.record_key ATTACH PARTITION gateway.record_default_tenant_id_key_id_at_idx;

ALTER INDEX gateway.record_subject ATTACH PARTITION gateway.record_default_tenant_id_subject_idx;

CREATE TRIGGER raise_incident AFTER INSERT ON audit.entry FOR EACH ROW WHEN (((new.detail ->> 'signal'::text) = ANY (ARRAY['canary-leak'::text, 'prompt-leak'::text, 'honeytoken-used'::text, 'export-limit'::text, 'flow-undeclared'::text, 'serving-lapsed'::text, 'serving-stopped'::text]))) EXECUTE FUNCTION audit.raise_incident();

CREATE TRIGGER now_or_never BEFORE INSERT OR UPDATE ON feed.entry FOR EACH ROW EXECUTE FUNCTION feed.now_or_never();

CREATE TRIGGER one_step BEFORE UPDATE ON feed.version FOR EACH ROW EXECUTE FUNCTION feed.one_step();

CREATE TRIGGER page_incident AFTER INSERT ON identity.incident FOR EACH ROW EXECUTE FUNCTION audit.page_incident();

CREATE TRIGGER keep_newest BEFORE DELETE ON registry.outside_evidence FOR EACH ROW EXECUTE FUNCTION registry.keep_newest_evidence();

CREATE TRIGGER keep_newest BEFORE DELETE ON registry.own_outside_evidence FOR EACH ROW EXECUTE FUNCTION registry.keep_newest_evidence();

ALTER TABLE ONLY audit.publication
    ADD CONSTRAINT publication_number_fkey FOREIGN KEY (number) REFERENCES audit.anchor(number);

ALTER TABLE ONLY audit.sidecar
    ADD CONSTRAINT sidecar_tenant_id_entry_id_fkey FOREIGN KEY (tenant_id, entry_id) REFERENCES audit.entry(tenant_id, id);

ALTER TABLE ONLY capture.entry
    ADD CONSTRAINT entry_tenant_id_session_id_fkey FOREIGN KEY (tenant_id, session_id) REFERENCES capture.session(tenant_id, id);

ALTER TABLE ONLY capture.session
    ADD CONSTRAINT session_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY flows.declaration
    ADD CONSTRAINT declaration_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY flows.edge
    ADD CONSTRAINT edge_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY gateway.response
    ADD CONSTRAINT response_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY gateway.response
    ADD CONSTRAINT response_tenant_id_workload_id_fkey FOREIGN KEY (tenant_id, workload_id) REFERENCES identity.workload(tenant_id, id);

ALTER TABLE ONLY identity.access_token
    ADD CONSTRAINT access_token_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY identity.access_token
    ADD CONSTRAINT access_token_tenant_id_rule_id_fkey FOREIGN KEY (tenant_id, rule_id) REFERENCES identity.federation_rule(tenant_id, id);

ALTER TABLE ONLY identity.account_key
    ADD CONSTRAINT account_key_account_id_fkey FOREIGN KEY (account_id) REFERENCES identity.account(id);

ALTER TABLE ONLY identity.account
    ADD CONSTRAINT account_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY identity.delivery
    ADD CONSTRAINT delivery_tenant_id_key_id_fkey FOREIGN KEY (tenant_id, key_id) REFERENCES identity.key(tenant_id, id);

ALTER TABLE ONLY identity.elevation
    ADD CONSTRAINT elevation_key_id_fkey FOREIGN KEY (key_id) REFERENCES identity.account_key(id);

ALTER TABLE ONLY identity.elevation
    ADD CONSTRAINT elevation_request_id_fkey FOREIGN KEY (request_id) REFERENCES identity.request(id);

ALTER TABLE ONLY identity.environment
    ADD CONSTRAINT environment_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY identity.federation_rule
    ADD CONSTRAINT federation_rule_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY identity.federation_rule
    ADD CONSTRAINT federation_rule_tenant_id_workload_id_fkey FOREIGN KEY (tenant_id, workload_id) REFERENCES identity.workload(tenant_id, id);

ALTER TABLE ONLY identity.incident
    ADD CONSTRAINT incident_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY identity.key_neglect
    ADD CONSTRAINT key_neglect_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY identity.key
    ADD CONSTRAINT key_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY identity.key
    ADD CONSTRAINT key_tenant_id_replaced_by_fkey FOREIGN KEY (tenant_id, replaced_by) REFERENCES identity.key(tenant_id, id);

ALTER TABLE ONLY identity.key
    ADD CONSTRAINT key_tenant_id_workload_id_fkey FOREIGN KEY (tenant_id, workload_id) REFERENCES identity.workload(tenant_id, id);

ALTER TABLE ONLY identity.signer
    ADD CONSTRAINT signer_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY identity.signer
    ADD CONSTRAINT signer_tenant_id_workload_id_fkey FOREIGN KEY (tenant_id, workload_id) REFERENCES identity.workload(tenant_id, id);

ALTER TABLE ONLY identity.vote
    ADD CONSTRAINT vote_request_id_fkey FOREIGN KEY (request_id) REFERENCES identity.request(id);

ALTER TABLE ONLY identity.workload
    ADD CONSTRAINT workload_tenant_id_environment_fkey FOREIGN KEY (tenant_id, environment) REFERENCES identity.environment(tenant_id, name);

ALTER TABLE ONLY identity.workload
    ADD CONSTRAINT workload_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY registry.approver_key
    ADD CONSTRAINT approver_key_account_id_fkey FOREIGN KEY (account_id) REFERENCES identity.account(id);

ALTER TABLE ONLY registry.canary
    ADD CONSTRAINT canary_tenant_id_deployment_id_fkey FOREIGN KEY (tenant_id, deployment_id) REFERENCES registry.deployment(tenant_id, id);

ALTER TABLE ONLY registry.canary
    ADD CONSTRAINT canary_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY registry.content_subject
    ADD CONSTRAINT content_subject_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY registry.dataset_approval
    ADD CONSTRAINT dataset_approval_tenant_id_digest_fkey FOREIGN KEY (tenant_id, digest) REFERENCES registry.dataset(tenant_id, digest);

ALTER TABLE ONLY registry.dataset_grant
    ADD CONSTRAINT dataset_grant_tenant_id_digest_fkey FOREIGN KEY (tenant_id, digest) REFERENCES registry.dataset(tenant_id, digest);

ALTER TABLE ONLY registry.dataset_grant
    ADD CONSTRAINT dataset_grant_tenant_id_workload_id_fkey FOREIGN KEY (tenant_id, workload_id) REFERENCES identity.workload(tenant_id, id);

ALTER TABLE ONLY registry.dataset
    ADD CONSTRAINT dataset_tenant_id_environment_fkey FOREIGN KEY (tenant_id, environment) REFERENCES identity.environment(tenant_id, name);

ALTER TABLE ONLY registry.dataset
    ADD CONSTRAINT dataset_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY registry.deployment
    ADD CONSTRAINT deployment_own_digest_fkey FOREIGN KEY (tenant_id, own_digest) REFERENCES registry.own_release(tenant_id, digest);

ALTER TABLE ONLY registry.deployment
    ADD CONSTRAINT deployment_prompt FOREIGN KEY (tenant_id, prompt_digest) REFERENCES registry.prompt(tenant_id, digest);

ALTER TABLE ONLY registry.deployment
    ADD CONSTRAINT deployment_release_digest_fkey FOREIGN KEY (release_digest) REFERENCES registry.release(digest);

ALTER TABLE ONLY registry.deployment_served
    ADD CONSTRAINT deployment_served_tenant_id_deployment_id_fkey FOREIGN KEY (tenant_id, deployment_id) REFERENCES registry.deployment(tenant_id, id);

ALTER TABLE ONLY registry.deployment
    ADD CONSTRAINT deployment_tenant_id_environment_fkey FOREIGN KEY (tenant_id, environment) REFERENCES identity.environment(tenant_id, name);

ALTER TABLE ONLY registry.deployment
    ADD CONSTRAINT deployment_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY registry.evaluation
    ADD CONSTRAINT evaluation_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY registry.evidence
    ADD CONSTRAINT evidence_account_id_fkey FOREIGN KEY (account_id) REFERENCES identity.account(id);

ALTER TABLE ONLY registry.evidence
    ADD CONSTRAINT evidence_release_digest_fkey FOREIGN KEY (release_digest) REFERENCES registry.release(digest);

ALTER TABLE ONLY registry.label
    ADD CONSTRAINT label_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY registry.lineage_edge
    ADD CONSTRAINT lineage_edge_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY registry.lineage_run
    ADD CONSTRAINT lineage_run_tenant_id_environment_fkey FOREIGN KEY (tenant_id, environment) REFERENCES identity.environment(tenant_id, name);

ALTER TABLE ONLY registry.lineage_run
    ADD CONSTRAINT lineage_run_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY registry.own_evidence
    ADD CONSTRAINT own_evidence_tenant_id_release_digest_fkey FOREIGN KEY (tenant_id, release_digest) REFERENCES registry.own_release(tenant_id, digest);

ALTER TABLE ONLY registry.own_outside_evidence
    ADD CONSTRAINT own_outside_evidence_tenant_id_subject_digest_fkey FOREIGN KEY (tenant_id, subject_digest) REFERENCES registry.own_release(tenant_id, digest);

ALTER TABLE ONLY registry.own_release
    ADD CONSTRAINT own_release_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY registry.prompt_approval
    ADD CONSTRAINT prompt_approval_tenant_id_digest_fkey FOREIGN KEY (tenant_id, digest) REFERENCES registry.prompt(tenant_id, digest);

ALTER TABLE ONLY registry.prompt
    ADD CONSTRAINT prompt_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY registry.serving_lack
    ADD CONSTRAINT serving_lack_tenant_id_deployment_id_fkey FOREIGN KEY (tenant_id, deployment_id) REFERENCES registry.deployment(tenant_id, id);

ALTER TABLE ONLY registry.source
    ADD CONSTRAINT source_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY registry.target
    ADD CONSTRAINT target_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES providers.provider(id);

ALTER TABLE ONLY registry.target
    ADD CONSTRAINT target_tenant_id_deployment_id_fkey FOREIGN KEY (tenant_id, deployment_id) REFERENCES registry.deployment(tenant_id, id);

ALTER TABLE ONLY registry.training_event
    ADD CONSTRAINT training_event_tenant_id_job_id_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES registry.training_job(tenant_id, id);

ALTER TABLE ONLY registry.training_file
    ADD CONSTRAINT training_file_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY registry.training_job
    ADD CONSTRAINT training_job_tenant_id_dataset_digest_fkey FOREIGN KEY (tenant_id, dataset_digest) REFERENCES registry.dataset(tenant_id, digest);

ALTER TABLE ONLY registry.training_job
    ADD CONSTRAINT training_job_tenant_id_file_id_fkey FOREIGN KEY (tenant_id, file_id) REFERENCES registry.training_file(tenant_id, id);

ALTER TABLE ONLY registry.training_job
    ADD CONSTRAINT training_job_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY rules.value_list
    ADD CONSTRAINT value_list_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY subjects.hold
    ADD CONSTRAINT hold_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

ALTER TABLE ONLY subjects.request
    ADD CONSTRAINT request_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES identity.tenant(tenant_id);

CREATE POLICY anchor_read ON audit.log FOR SELECT TO sr_control USING ((tenant_id = 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid));

CREATE POLICY anchor_read ON audit.tile FOR SELECT TO sr_control USING ((tenant_id = 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid));

ALTER TABLE audit.checkpoint ENABLE ROW LEVEL SECURITY;

CREATE POLICY control_append ON audit.platform_entry FOR INSERT TO sr_control WITH CHECK (true);

ALTER TABLE audit.entry ENABLE ROW LEVEL SECURITY;

CREATE POLICY erased_by ON audit.sidecar FOR DELETE TO sr_owner USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY erased_read ON audit.sidecar FOR SELECT TO sr_owner USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY gateway_append ON audit.entry FOR INSERT TO sr_gateway WITH CHECK ((action = ANY (ARRAY['model.invoke'::text, 'model.see'::text, 'record.drop'::text])));

CREATE POLICY gateway_append ON audit.platform_entry FOR INSERT TO sr_gateway WITH CHECK ((action = ANY (ARRAY['model.invoke'::text, 'model.see'::text, 'record.drop'::text])));

CREATE POLICY keeper_all ON audit.checkpoint TO sr_keeper USING (true) WITH CHECK (true);

CREATE POLICY keeper_all ON audit.log TO sr_keeper USING (true) WITH CHECK (true);

CREATE POLICY keeper_all ON audit.tile TO sr_keeper USING (true) WITH CHECK (true);

CREATE POLICY keeper_append ON audit.entry FOR INSERT TO sr_keeper WITH CHECK ((action ~~ 'log.%'::text));

CREATE POLICY keeper_append ON audit.platform_entry FOR INSERT TO sr_keeper WITH CHECK ((action ~~ 'log.%'::text));

CREATE POLICY keeper_read ON audit.entry FOR SELECT TO sr_keeper USING (true);

CREATE POLICY keeper_read ON audit.platform_entry FOR SELECT TO sr_keeper USING (true);

CREATE POLICY keeper_reseal ON audit.entry FOR UPDATE TO sr_keeper USING (((current_setting('strongroom.letting_go'::text, true) = 'on'::text) AND (seq >= ( SELECT l.signed_size
   FROM audit.log l
  WHERE ((l.tenant_id = entry.tenant_id) AND (l.epoch = entry.epoch) AND (l.ended_at IS NOT NULL)))))) WITH CHECK ((sealed_at IS NULL));

CREATE POLICY keeper_reseal ON audit.platform_entry FOR UPDATE TO sr_keeper USING (((current_setting('strongroom.letting_go'::text, true) = 'on'::text) AND (seq >= ( SELECT l.signed_size
   FROM audit.log l
  WHERE ((l.tenant_id = '00000000-0000-0000-0000-000000000000'::uuid) AND (l.epoch = platform_entry.epoch) AND (l.ended_at IS NOT NULL)))))) WITH CHECK ((sealed_at IS NULL));

CREATE POLICY keeper_seal ON audit.entry FOR UPDATE TO sr_keeper USING ((sealed_at IS NULL)) WITH CHECK ((sealed_at IS NOT NULL));

CREATE POLICY keeper_seal ON audit.platform_entry FOR UPDATE TO sr_keeper USING ((sealed_at IS NULL)) WITH CHECK ((sealed_at IS NOT NULL));

ALTER TABLE audit.log ENABLE ROW LEVEL SECURITY;

CREATE POLICY operator_append ON audit.platform_entry FOR INSERT TO sr_operator WITH CHECK (true);

CREATE POLICY operator_read ON audit.checkpoint FOR SELECT TO sr_operator USING (true);

CREATE POLICY operator_read ON audit.entry FOR SELECT TO sr_operator USING (true);

CREATE POLICY operator_read ON audit.log FOR SELECT TO sr_operator USING (true);

CREATE POLICY operator_read ON audit.platform_entry FOR SELECT TO sr_operator USING (true);

CREATE POLICY operator_read ON audit.tile FOR SELECT TO sr_operator USING (true);

CREATE POLICY own_tenant_append ON audit.entry FOR INSERT TO sr_control WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_append ON audit.sidecar FOR INSERT TO sr_control WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_read ON audit.checkpoint FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_read ON audit.entry FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_read ON audit.log FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_read ON audit.sidecar FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_read ON audit.tile FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

ALTER TABLE audit.platform_entry ENABLE ROW LEVEL SECURITY;

ALTER TABLE audit.sidecar ENABLE ROW LEVEL SECURITY;

ALTER TABLE audit.tile ENABLE ROW LEVEL SECURITY;

CREATE POLICY dropped_by ON capture.entry FOR SELECT TO sr_owner USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY dropped_by_day ON capture.entry FOR DELETE TO sr_owner USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

ALTER TABLE capture.entry ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON capture.session TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_add ON capture.entry FOR INSERT TO sr_gateway WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_read ON capture.entry FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_read ON capture.session FOR SELECT TO sr_gateway USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_size ON capture.entry FOR SELECT TO sr_gateway USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

ALTER TABLE capture.session ENABLE ROW LEVEL SECURITY;

CREATE POLICY control_follows ON feed.entry FOR SELECT TO sr_control USING (true);

ALTER TABLE feed.entry ENABLE ROW LEVEL SECURITY;

CREATE POLICY gateway_follows ON feed.entry FOR SELECT TO sr_gateway USING (true);

CREATE POLICY own_tenant_add ON feed.entry FOR INSERT TO sr_control WITH CHECK (((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (tenant_id <> '00000000-0000-0000-0000-000000000000'::uuid)));

CREATE POLICY own_tenant_change ON feed.entry FOR UPDATE TO sr_control USING (((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (tenant_id <> '00000000-0000-0000-0000-000000000000'::uuid))) WITH CHECK (((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (tenant_id <> '00000000-0000-0000-0000-000000000000'::uuid)));

CREATE POLICY platform_rows ON feed.entry TO sr_operator USING ((tenant_id = '00000000-0000-0000-0000-000000000000'::uuid)) WITH CHECK ((tenant_id = '00000000-0000-0000-0000-000000000000'::uuid));

ALTER TABLE flows.declaration ENABLE ROW LEVEL SECURITY;

CREATE POLICY declared_read ON flows.declaration FOR SELECT TO sr_owner USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

ALTER TABLE flows.edge ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON flows.declaration TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON flows.edge TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY dropped_by ON gateway.record FOR SELECT TO sr_owner USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY dropped_by_day ON gateway.record FOR DELETE TO sr_owner USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY ended ON gateway.response FOR DELETE TO sr_gateway USING ((expires_at <= now()));

CREATE POLICY erased_by ON gateway.response FOR DELETE TO sr_owner USING (((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (subject IS NOT NULL)));

CREATE POLICY erased_read ON gateway.response FOR SELECT TO sr_owner USING (((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (subject IS NOT NULL)));

CREATE POLICY gateway_append ON gateway.key_first FOR INSERT TO sr_gateway WITH CHECK (true);

CREATE POLICY gateway_append ON gateway.key_use FOR INSERT TO sr_gateway WITH CHECK (true);

CREATE POLICY gateway_append ON gateway.nonce FOR INSERT TO sr_gateway WITH CHECK (true);

CREATE POLICY gateway_append ON gateway.record FOR INSERT TO sr_gateway WITH CHECK (true);

CREATE POLICY gateway_erase ON gateway.nonce FOR DELETE TO sr_gateway USING ((at < (now() - '00:05:00'::interval)));

CREATE POLICY keeper_read ON gateway.record FOR SELECT TO sr_keeper USING (true);

CREATE POLICY keeper_seal ON gateway.record FOR UPDATE TO sr_keeper USING ((batch IS NULL)) WITH CHECK ((batch IS NOT NULL));

ALTER TABLE gateway.key_first ENABLE ROW LEVEL SECURITY;

ALTER TABLE gateway.key_use ENABLE ROW LEVEL SECURITY;

ALTER TABLE gateway.nonce ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_subjects_read ON gateway.response FOR SELECT TO sr_control USING (((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (subject IS NOT NULL)));

CREATE POLICY own_tenant_add ON gateway.response FOR INSERT TO sr_gateway WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_drop ON gateway.response FOR DELETE TO sr_gateway USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_read ON gateway.key_first FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_read ON gateway.key_use FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_read ON gateway.record FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_read ON gateway.response FOR SELECT TO sr_gateway USING (((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (expires_at > now())));

CREATE POLICY parted_by ON gateway.record FOR UPDATE TO sr_owner USING (((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (subject IS NOT NULL))) WITH CHECK (((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (subject IS NULL)));

ALTER TABLE gateway.record ENABLE ROW LEVEL SECURITY;

ALTER TABLE gateway.record_default ENABLE ROW LEVEL SECURITY;

ALTER TABLE gateway.response ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.access_token ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.account ENABLE ROW LEVEL SECURITY;

CREATE POLICY approvers ON identity.account FOR SELECT TO sr_control USING (((role = 'approver'::text) AND (tenant_id IS NULL)));

ALTER TABLE identity.delivery ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.environment ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.federation_rule ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.incident ENABLE ROW LEVEL SECURITY;

CREATE POLICY kept_by ON identity.tenant FOR SELECT TO sr_owner USING (true);

ALTER TABLE identity.key ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.key_neglect ENABLE ROW LEVEL SECURITY;

CREATE POLICY operator_all ON identity.account TO sr_operator USING (true) WITH CHECK (true);

CREATE POLICY operator_all ON identity.environment TO sr_operator USING (true) WITH CHECK (true);

CREATE POLICY operator_all ON identity.request TO sr_operator USING (true) WITH CHECK (true);

CREATE POLICY operator_all ON identity.tenant TO sr_operator USING (true) WITH CHECK (true);

CREATE POLICY operator_all ON identity.vote TO sr_operator USING (true) WITH CHECK (true);

CREATE POLICY operator_read ON identity.key FOR SELECT TO sr_operator USING (true);

CREATE POLICY operator_read ON identity.workload FOR SELECT TO sr_operator USING (true);

CREATE POLICY own_tenant ON identity.access_token FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON identity.delivery TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON identity.environment TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON identity.federation_rule TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON identity.incident TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON identity.key TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON identity.key_neglect TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON identity.signer TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON identity.tenant FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON identity.workload TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_add ON identity.access_token FOR INSERT TO sr_control WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_add ON identity.request FOR INSERT TO sr_control WITH CHECK (((about = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (kind = ANY (ARRAY['rules'::text, 'policy'::text]))));

CREATE POLICY own_tenant_add ON identity.vote FOR INSERT TO sr_control WITH CHECK ((EXISTS ( SELECT
   FROM identity.request r
  WHERE (r.id = vote.request_id))));

CREATE POLICY own_tenant_end ON identity.access_token FOR UPDATE TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_end ON identity.tenant FOR UPDATE TO sr_control USING (((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (deleted_at IS NULL))) WITH CHECK (((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (deleted_at IS NOT NULL)));

CREATE POLICY own_tenant_erase ON identity.access_token FOR DELETE TO sr_control USING (((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (GREATEST(replay_until, expires_at) < (now() - '30 days'::interval))));

CREATE POLICY own_tenant_mark ON identity.request FOR UPDATE TO sr_control USING (((about = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (kind = ANY (ARRAY['rules'::text, 'policy'::text]))));

CREATE POLICY own_tenant_read ON identity.request FOR SELECT TO sr_control USING (((about = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (kind = ANY (ARRAY['rules'::text, 'policy'::text]))));

CREATE POLICY own_tenant_read ON identity.vote FOR SELECT TO sr_control USING ((EXISTS ( SELECT
   FROM identity.request r
  WHERE (r.id = vote.request_id))));

CREATE POLICY raised ON identity.incident FOR INSERT TO sr_owner WITH CHECK (((kind = ANY (ARRAY['canary-leak'::text, 'prompt-leak'::text, 'honeytoken'::text, 'export-limit'::text, 'flow-undeclared'::text, 'serving-lapsed'::text, 'serving-stopped'::text])) AND (closed_at IS NULL)));

ALTER TABLE identity.request ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.signer ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.tenant ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.vote ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.workload ENABLE ROW LEVEL SECURITY;

CREATE POLICY counted ON limits.taken TO sr_owner USING ((tenant_id = COALESCE((NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid, '00000000-0000-0000-0000-000000000000'::uuid))) WITH CHECK ((tenant_id = COALESCE((NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid, '00000000-0000-0000-0000-000000000000'::uuid)));

ALTER TABLE limits.counter ENABLE ROW LEVEL SECURITY;

ALTER TABLE limits.holding ENABLE ROW LEVEL SECURITY;

CREATE POLICY leased ON limits.counter TO sr_owner USING (true) WITH CHECK (true);

CREATE POLICY leased ON limits.holding TO sr_owner USING (true) WITH CHECK (true);

CREATE POLICY own_tenant ON limits.counter FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON limits.holding FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON limits.taken FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

ALTER TABLE limits.taken ENABLE ROW LEVEL SECURITY;

CREATE POLICY open_to_tenant ON providers.provider FOR SELECT TO sr_control USING (((deleted_at IS NULL) AND (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text) IS NOT NULL) AND COALESCE(((NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid = ANY (open_to)), true)));

CREATE POLICY operator_all ON providers.provider TO sr_operator USING (true) WITH CHECK (true);

ALTER TABLE providers.provider ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.canary ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.content_subject ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.dataset ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.dataset_approval ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.dataset_grant ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.deployment ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.deployment_served ENABLE ROW LEVEL SECURITY;

CREATE POLICY erased_by ON registry.content_subject FOR DELETE TO sr_owner USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY erased_by ON registry.label FOR DELETE TO sr_owner USING (((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (subject IS NOT NULL)));

CREATE POLICY erased_read ON registry.content_subject FOR SELECT TO sr_owner USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY erased_read ON registry.label FOR SELECT TO sr_owner USING (((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (subject IS NOT NULL)));

ALTER TABLE registry.evaluation ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.label ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.lineage_edge ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.lineage_run ENABLE ROW LEVEL SECURITY;

CREATE POLICY moved_from ON registry.prompt FOR SELECT TO sr_owner USING (((erased_at IS NULL) AND (SUBSTRING(sealed FROM 1 FOR 1) = '\x01'::bytea)));

CREATE POLICY operator_read ON registry.deployment FOR SELECT TO sr_operator USING (true);

CREATE POLICY operator_read ON registry.evaluation FOR SELECT TO sr_operator USING (true);

CREATE POLICY operator_read ON registry.own_evidence FOR SELECT TO sr_operator USING (true);

CREATE POLICY operator_read ON registry.own_outside_evidence FOR SELECT TO sr_operator USING (true);

CREATE POLICY operator_read ON registry.own_release FOR SELECT TO sr_operator USING (true);

CREATE POLICY operator_read ON registry.serving_lack FOR SELECT TO sr_operator USING (true);

CREATE POLICY operator_read ON registry.target FOR SELECT TO sr_operator USING (true);

ALTER TABLE registry.own_evidence ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.own_outside_evidence ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.own_release ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON registry.canary TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.dataset TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.dataset_approval TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.dataset_grant TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.deployment TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.deployment_served TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.evaluation TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.label TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.lineage_edge TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.lineage_run TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.own_evidence TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.own_outside_evidence TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.own_release TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.prompt TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.prompt_approval TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.serving_lack TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.source TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.target TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.training_event TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.training_file TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON registry.training_job TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_append ON registry.content_subject FOR INSERT TO sr_control WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_read ON registry.content_subject FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

ALTER TABLE registry.prompt ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.prompt_approval ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.serving_lack ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.source ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.target ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.training_event ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.training_file ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.training_job ENABLE ROW LEVEL SECURITY;

ALTER TABLE retention.analytics ENABLE ROW LEVEL SECURITY;

CREATE POLICY dropped_by ON retention.hold FOR SELECT TO sr_owner USING (true);

ALTER TABLE retention.hold ENABLE ROW LEVEL SECURITY;

ALTER TABLE retention.manifest ENABLE ROW LEVEL SECURITY;

CREATE POLICY operator_all ON retention.hold TO sr_operator USING (true) WITH CHECK (true);

CREATE POLICY operator_read ON retention.manifest FOR SELECT TO sr_operator USING (true);

CREATE POLICY own_tenant_append ON retention.manifest FOR INSERT TO sr_control WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_read ON retention.analytics FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_read ON retention.summary FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

ALTER TABLE retention.summary ENABLE ROW LEVEL SECURITY;

CREATE POLICY summed_by ON retention.analytics TO sr_owner USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY summed_by ON retention.manifest FOR SELECT TO sr_owner USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY summed_by ON retention.summary TO sr_owner USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY default_read ON rules.document FOR SELECT TO sr_control USING (((tenant_id = '00000000-0000-0000-0000-000000000000'::uuid) AND ((NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid IS NOT NULL)));

ALTER TABLE rules.document ENABLE ROW LEVEL SECURITY;

CREATE POLICY dropped_by ON rules.value_list FOR DELETE TO sr_owner USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY dropped_read ON rules.value_list FOR SELECT TO sr_owner USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY kept_by ON rules.document FOR SELECT TO sr_owner USING (((tenant_id = '00000000-0000-0000-0000-000000000000'::uuid) AND (kind = 'retention'::text)));

CREATE POLICY own_tenant ON rules.value_list TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant_add ON rules.document FOR INSERT TO sr_control WITH CHECK (((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid) AND (tenant_id <> '00000000-0000-0000-0000-000000000000'::uuid)));

CREATE POLICY own_tenant_read ON rules.document FOR SELECT TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY platform_add ON rules.document FOR INSERT TO sr_operator WITH CHECK ((tenant_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY platform_read ON rules.document FOR SELECT TO sr_operator USING ((tenant_id = '00000000-0000-0000-0000-000000000000'::uuid));

ALTER TABLE rules.value_list ENABLE ROW LEVEL SECURITY;

CREATE POLICY asked_by_owner ON subjects.hold FOR SELECT TO sr_owner USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

ALTER TABLE subjects.hold ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON subjects.hold TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

CREATE POLICY own_tenant ON subjects.request TO sr_control USING ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('strongroom.tenant'::text, true), ''::text))::uuid));

ALTER TABLE subjects.request ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA audit TO sr_control;
GRANT USAGE ON SCHEMA audit TO sr_operator;
GRANT USAGE ON SCHEMA audit TO sr_gateway;
GRANT USAGE ON SCHEMA audit TO sr_keeper;

GRANT USAGE ON SCHEMA capture TO sr_control;
GRANT USAGE ON SCHEMA capture TO sr_gateway;

GRANT USAGE ON SCHEMA feed TO sr_control;
GRANT USAGE ON SCHEMA feed TO sr_operator;
GRANT USAGE ON SCHEMA feed TO sr_gateway;

GRANT USAGE ON SCHEMA flows TO sr_control;

GRANT USAGE ON SCHEMA gateway TO sr_gateway;
GRANT USAGE ON SCHEMA gateway TO sr_control;
GRANT USAGE ON SCHEMA gateway TO sr_operator;
GRANT USAGE ON SCHEMA gateway TO sr_keeper;

GRANT USAGE ON SCHEMA identity TO sr_control;
GRANT USAGE ON SCHEMA identity TO sr_operator;

GRANT USAGE ON SCHEMA limits TO sr_control;
GRANT USAGE ON SCHEMA limits TO sr_gateway;
GRANT USAGE ON SCHEMA limits TO sr_operator;

GRANT USAGE ON SCHEMA providers TO sr_control;
GRANT USAGE ON SCHEMA providers TO sr_operator;

REVOKE USAGE ON SCHEMA public FROM PUBLIC;

GRANT USAGE ON SCHEMA registry TO sr_control;
GRANT USAGE ON SCHEMA registry TO sr_operator;

GRANT USAGE ON SCHEMA retention TO sr_operator;
GRANT USAGE ON SCHEMA retention TO sr_control;

GRANT USAGE ON SCHEMA rules TO sr_control;
GRANT USAGE ON SCHEMA rules TO sr_operator;

GRANT USAGE ON SCHEMA store TO sr_control;
GRANT USAGE ON SCHEMA store TO sr_operator;
GRANT USAGE ON SCHEMA store TO sr_gateway;
GRANT USAGE ON SCHEMA store TO sr_keeper;

GRANT USAGE ON SCHEMA subjects TO sr_control;

REVOKE ALL ON FUNCTION audit.best_publication() FROM PUBLIC;
GRANT ALL ON FUNCTION audit.best_publication() TO sr_control;
GRANT ALL ON FUNCTION audit.best_publication() TO sr_operator;
GRANT ALL ON FUNCTION audit.best_publication() TO sr_keeper;

REVOKE ALL ON FUNCTION audit.drop_sidecars(of_subject text, before timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.drop_sidecars(of_subject text, before timestamp with time zone) TO sr_control;

REVOKE ALL ON FUNCTION audit.page_incident() FROM PUBLIC;

REVOKE ALL ON FUNCTION audit.raise_incident() FROM PUBLIC;

REVOKE ALL ON FUNCTION capture.drop_of_subject(of_subject text, before timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION capture.drop_of_subject(of_subject text, before timestamp with time zone) TO sr_control;

REVOKE ALL ON FUNCTION feed.now_or_never() FROM PUBLIC;

REVOKE ALL ON FUNCTION feed.one_step() FROM PUBLIC;

REVOKE ALL ON FUNCTION gateway.drop_responses(of_subject text, before timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION gateway.drop_responses(of_subject text, before timestamp with time zone) TO sr_control;

REVOKE ALL ON FUNCTION gateway.part_records(of_subject text, before timestamp with time zone, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION gateway.part_records(of_subject text, before timestamp with time zone, most integer) TO sr_control;

REVOKE ALL ON FUNCTION limits.lease(holder uuid, processes bigint, ttl_us bigint, tenants uuid[], subjects text[], measures text[], amounts bigint[], bursts bigint[], backs bigint[], back_periods bigint[], needs bigint[], demands bigint[], wants bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION limits.lease(holder uuid, processes bigint, ttl_us bigint, tenants uuid[], subjects text[], measures text[], amounts bigint[], bursts bigint[], backs bigint[], back_periods bigint[], needs bigint[], demands bigint[], wants bigint[]) TO sr_gateway;

REVOKE ALL ON FUNCTION limits.take(of_party text, of_surface text, at timestamp with time zone, more_rows bigint, more_octets bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION limits.take(of_party text, of_surface text, at timestamp with time zone, more_rows bigint, more_octets bigint) TO sr_control;
GRANT ALL ON FUNCTION limits.take(of_party text, of_surface text, at timestamp with time zone, more_rows bigint, more_octets bigint) TO sr_operator;
GRANT ALL ON FUNCTION limits.take(of_party text, of_surface text, at timestamp with time zone, more_rows bigint, more_octets bigint) TO sr_gateway;

REVOKE ALL ON FUNCTION registry.drop_labels(of_subject text, before timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.drop_labels(of_subject text, before timestamp with time zone) TO sr_control;

REVOKE ALL ON FUNCTION registry.forget_content(of_file text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.forget_content(of_file text) TO sr_control;

REVOKE ALL ON FUNCTION registry.keep_newest_evidence() FROM PUBLIC;

REVOKE ALL ON FUNCTION registry.part_content(of_subject text, of_file text, of_part text, before timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.part_content(of_subject text, of_file text, of_part text, before timestamp with time zone) TO sr_control;

REVOKE ALL ON FUNCTION registry.prompts_to_move() FROM PUBLIC;
GRANT ALL ON FUNCTION registry.prompts_to_move() TO sr_operator;

REVOKE ALL ON FUNCTION retention.bucket(microseconds bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION retention.drop_analytics(of_day date) FROM PUBLIC;
GRANT ALL ON FUNCTION retention.drop_analytics(of_day date) TO sr_control;

REVOKE ALL ON FUNCTION retention.drop_captures(of_day date) FROM PUBLIC;
GRANT ALL ON FUNCTION retention.drop_captures(of_day date) TO sr_control;

REVOKE ALL ON FUNCTION retention.drop_records(of_day date) FROM PUBLIC;
GRANT ALL ON FUNCTION retention.drop_records(of_day date) TO sr_control;

REVOKE ALL ON FUNCTION retention.summarise(of_day date) FROM PUBLIC;
GRANT ALL ON FUNCTION retention.summarise(of_day date) TO sr_control;

REVOKE ALL ON FUNCTION retention.tend_days(ahead integer) FROM PUBLIC;
GRANT ALL ON FUNCTION retention.tend_days(ahead integer) TO sr_operator;

REVOKE ALL ON FUNCTION rules.drop_value_lists(of_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION rules.drop_value_lists(of_name text) TO sr_control;

REVOKE ALL ON FUNCTION subjects.held_by(of_subject text) FROM PUBLIC;
GRANT ALL ON FUNCTION subjects.held_by(of_subject text) TO sr_control;

REVOKE ALL ON FUNCTION subjects.left_in(of_place text, needles text[], of_day date) FROM PUBLIC;
GRANT ALL ON FUNCTION subjects.left_in(of_place text, needles text[], of_day date) TO sr_control;

REVOKE ALL ON FUNCTION subjects.places() FROM PUBLIC;
GRANT ALL ON FUNCTION subjects.places() TO sr_control;

GRANT SELECT ON TABLE audit.anchor TO sr_control;
GRANT SELECT ON TABLE audit.anchor TO sr_operator;
GRANT SELECT,INSERT ON TABLE audit.anchor TO sr_keeper;

GRANT UPDATE(leaves) ON TABLE audit.anchor TO sr_keeper;

GRANT SELECT ON TABLE audit.checkpoint TO sr_control;
GRANT SELECT ON TABLE audit.checkpoint TO sr_operator;
GRANT SELECT,INSERT ON TABLE audit.checkpoint TO sr_keeper;

GRANT SELECT ON TABLE audit.entry TO sr_control;
GRANT SELECT ON TABLE audit.entry TO sr_operator;
GRANT SELECT,INSERT ON TABLE audit.entry TO sr_keeper;

GRANT INSERT(tenant_id) ON TABLE audit.entry TO sr_control;
GRANT INSERT(tenant_id) ON TABLE audit.entry TO sr_gateway;

GRANT INSERT(id) ON TABLE audit.entry TO sr_control;
GRANT INSERT(id) ON TABLE audit.entry TO sr_gateway;

GRANT INSERT(at) ON TABLE audit.entry TO sr_control;
GRANT INSERT(at) ON TABLE audit.entry TO sr_gateway;

GRANT INSERT(actor) ON TABLE audit.entry TO sr_control;
GRANT INSERT(actor) ON TABLE audit.entry TO sr_gateway;

GRANT INSERT(credential) ON TABLE audit.entry TO sr_control;
GRANT INSERT(credential) ON TABLE audit.entry TO sr_gateway;

GRANT INSERT(action) ON TABLE audit.entry TO sr_control;
GRANT INSERT(action) ON TABLE audit.entry TO sr_gateway;

GRANT INSERT(resource) ON TABLE audit.entry TO sr_control;
GRANT INSERT(resource) ON TABLE audit.entry TO sr_gateway;

GRANT INSERT(outcome) ON TABLE audit.entry TO sr_control;
GRANT INSERT(outcome) ON TABLE audit.entry TO sr_gateway;

GRANT INSERT(reason) ON TABLE audit.entry TO sr_control;
GRANT INSERT(reason) ON TABLE audit.entry TO sr_gateway;

GRANT INSERT(request_id) ON TABLE audit.entry TO sr_control;
GRANT INSERT(request_id) ON TABLE audit.entry TO sr_gateway;

GRANT INSERT(detail) ON TABLE audit.entry TO sr_control;
GRANT INSERT(detail) ON TABLE audit.entry TO sr_gateway;

GRANT UPDATE(sealed_at) ON TABLE audit.entry TO sr_keeper;

GRANT UPDATE(epoch) ON TABLE audit.entry TO sr_keeper;

GRANT UPDATE(seq) ON TABLE audit.entry TO sr_keeper;

GRANT UPDATE(event) ON TABLE audit.entry TO sr_keeper;

GRANT SELECT ON TABLE audit.log TO sr_control;
GRANT SELECT ON TABLE audit.log TO sr_operator;
GRANT SELECT,INSERT ON TABLE audit.log TO sr_keeper;

GRANT UPDATE(size) ON TABLE audit.log TO sr_keeper;

GRANT UPDATE(root) ON TABLE audit.log TO sr_keeper;

GRANT UPDATE(signed_size) ON TABLE audit.log TO sr_keeper;

GRANT UPDATE(note) ON TABLE audit.log TO sr_keeper;

GRANT UPDATE(signed_at) ON TABLE audit.log TO sr_keeper;

GRANT UPDATE(ended_at) ON TABLE audit.log TO sr_keeper;

GRANT SELECT ON TABLE audit.platform_entry TO sr_operator;
GRANT SELECT,INSERT ON TABLE audit.platform_entry TO sr_keeper;

GRANT INSERT(id) ON TABLE audit.platform_entry TO sr_operator;
GRANT INSERT(id) ON TABLE audit.platform_entry TO sr_control;
GRANT INSERT(id) ON TABLE audit.platform_entry TO sr_gateway;

GRANT INSERT(at) ON TABLE audit.platform_entry TO sr_operator;
GRANT INSERT(at) ON TABLE audit.platform_entry TO sr_control;
GRANT INSERT(at) ON TABLE audit.platform_entry TO sr_gateway;

GRANT INSERT(actor) ON TABLE audit.platform_entry TO sr_operator;
GRANT INSERT(actor) ON TABLE audit.platform_entry TO sr_control;
GRANT INSERT(actor) ON TABLE audit.platform_entry TO sr_gateway;

GRANT INSERT(credential) ON TABLE audit.platform_entry TO sr_operator;
GRANT INSERT(credential) ON TABLE audit.platform_entry TO sr_control;
GRANT INSERT(credential) ON TABLE audit.platform_entry TO sr_gateway;

GRANT INSERT(action) ON TABLE audit.platform_entry TO sr_operator;
GRANT INSERT(action) ON TABLE audit.platform_entry TO sr_control;
GRANT INSERT(action) ON TABLE audit.platform_entry TO sr_gateway;

GRANT INSERT(resource) ON TABLE audit.platform_entry TO sr_operator;
GRANT INSERT(resource) ON TABLE audit.platform_entry TO sr_control;
GRANT INSERT(resource) ON TABLE audit.platform_entry TO sr_gateway;

GRANT INSERT(outcome) ON TABLE audit.platform_entry TO sr_operator;
GRANT INSERT(outcome) ON TABLE audit.platform_entry TO sr_control;
GRANT INSERT(outcome) ON TABLE audit.platform_entry TO sr_gateway;

GRANT INSERT(reason) ON TABLE audit.platform_entry TO sr_operator;
GRANT INSERT(reason) ON TABLE audit.platform_entry TO sr_control;
GRANT INSERT(reason) ON TABLE audit.platform_entry TO sr_gateway;

GRANT INSERT(request_id) ON TABLE audit.platform_entry TO sr_operator;
GRANT INSERT(request_id) ON TABLE audit.platform_entry TO sr_control;
GRANT INSERT(request_id) ON TABLE audit.platform_entry TO sr_gateway;

GRANT INSERT(detail) ON TABLE audit.platform_entry TO sr_operator;
GRANT INSERT(detail) ON TABLE audit.platform_entry TO sr_control;
GRANT INSERT(detail) ON TABLE audit.platform_entry TO sr_gateway;

GRANT UPDATE(sealed_at) ON TABLE audit.platform_entry TO sr_keeper;

GRANT UPDATE(epoch) ON TABLE audit.platform_entry TO sr_keeper;

GRANT UPDATE(seq) ON TABLE audit.platform_entry TO sr_keeper;

GRANT UPDATE(event) ON TABLE audit.platform_entry TO sr_keeper;

GRANT SELECT ON TABLE audit.publication TO sr_control;
GRANT SELECT ON TABLE audit.publication TO sr_operator;
GRANT SELECT,INSERT ON TABLE audit.publication TO sr_keeper;

GRANT UPDATE(filed) ON TABLE audit.publication TO sr_keeper;

GRANT UPDATE("timestamp") ON TABLE audit.publication TO sr_keeper;

GRANT SELECT ON TABLE audit.pulse TO sr_control;
GRANT SELECT ON TABLE audit.pulse TO sr_operator;
GRANT SELECT ON TABLE audit.pulse TO sr_keeper;

GRANT UPDATE(base) ON TABLE audit.pulse TO sr_keeper;

GRANT UPDATE(vkey) ON TABLE audit.pulse TO sr_keeper;

GRANT UPDATE(sound_at) ON TABLE audit.pulse TO sr_keeper;

GRANT UPDATE(trouble) ON TABLE audit.pulse TO sr_keeper;

GRANT UPDATE(said) ON TABLE audit.pulse TO sr_keeper;

GRANT UPDATE(forked_at) ON TABLE audit.pulse TO sr_keeper;

GRANT UPDATE(holder) ON TABLE audit.pulse TO sr_keeper;

GRANT UPDATE(beat_at) ON TABLE audit.pulse TO sr_keeper;

GRANT SELECT,INSERT ON TABLE audit.sidecar TO sr_control;

GRANT SELECT ON TABLE audit.tile TO sr_control;
GRANT SELECT ON TABLE audit.tile TO sr_operator;
GRANT SELECT,INSERT ON TABLE audit.tile TO sr_keeper;

GRANT UPDATE(hashes) ON TABLE audit.tile TO sr_keeper;

GRANT SELECT ON TABLE capture.entry TO sr_control;
GRANT INSERT ON TABLE capture.entry TO sr_gateway;

GRANT SELECT(tenant_id) ON TABLE capture.entry TO sr_gateway;

GRANT SELECT(session_id) ON TABLE capture.entry TO sr_gateway;

GRANT SELECT(octets) ON TABLE capture.entry TO sr_gateway;

GRANT SELECT,INSERT ON TABLE capture.session TO sr_control;

GRANT SELECT(tenant_id) ON TABLE capture.session TO sr_gateway;

GRANT SELECT(id) ON TABLE capture.session TO sr_gateway;

GRANT SELECT(octets_most) ON TABLE capture.session TO sr_gateway;

GRANT SELECT(ends_at) ON TABLE capture.session TO sr_gateway;

GRANT UPDATE(stopped_at) ON TABLE capture.session TO sr_control;
GRANT SELECT(stopped_at) ON TABLE capture.session TO sr_gateway;

GRANT UPDATE(stopped_by) ON TABLE capture.session TO sr_control;

GRANT UPDATE(stopped_reason) ON TABLE capture.session TO sr_control;

GRANT SELECT,INSERT,UPDATE ON TABLE feed.entry TO sr_control;
GRANT SELECT,INSERT,UPDATE ON TABLE feed.entry TO sr_operator;
GRANT SELECT ON TABLE feed.entry TO sr_gateway;

GRANT SELECT ON TABLE feed.version TO sr_control;
GRANT SELECT ON TABLE feed.version TO sr_operator;
GRANT SELECT ON TABLE feed.version TO sr_gateway;

GRANT UPDATE(version) ON TABLE feed.version TO sr_control;
GRANT UPDATE(version) ON TABLE feed.version TO sr_operator;

GRANT SELECT,INSERT ON TABLE flows.declaration TO sr_control;

GRANT SELECT,INSERT ON TABLE flows.edge TO sr_control;

GRANT UPDATE(first_seen) ON TABLE flows.edge TO sr_control;

GRANT UPDATE(last_seen) ON TABLE flows.edge TO sr_control;

GRANT UPDATE(told_at) ON TABLE flows.edge TO sr_control;

GRANT SELECT ON TABLE gateway.key_first TO sr_control;
GRANT INSERT ON TABLE gateway.key_first TO sr_gateway;

GRANT SELECT ON TABLE gateway.key_use TO sr_control;
GRANT INSERT ON TABLE gateway.key_use TO sr_gateway;

GRANT DELETE ON TABLE gateway.nonce TO sr_gateway;

GRANT INSERT(tenant_id) ON TABLE gateway.nonce TO sr_gateway;

GRANT INSERT(signer) ON TABLE gateway.nonce TO sr_gateway;

GRANT INSERT(nonce) ON TABLE gateway.nonce TO sr_gateway;

GRANT SELECT ON TABLE gateway.record TO sr_control;
GRANT INSERT ON TABLE gateway.record TO sr_gateway;
GRANT SELECT ON TABLE gateway.record TO sr_keeper;

GRANT UPDATE(batch) ON TABLE gateway.record TO sr_keeper;

GRANT SELECT,INSERT,DELETE ON TABLE gateway.response TO sr_gateway;
GRANT SELECT ON TABLE gateway.response TO sr_control;

GRANT SELECT,INSERT,DELETE ON TABLE identity.access_token TO sr_control;

GRANT UPDATE(revoked_at) ON TABLE identity.access_token TO sr_control;

GRANT UPDATE(revoked_reason) ON TABLE identity.access_token TO sr_control;

GRANT SELECT,INSERT ON TABLE identity.account TO sr_operator;

GRANT SELECT(id) ON TABLE identity.account TO sr_control;

GRANT SELECT(name) ON TABLE identity.account TO sr_control;

GRANT SELECT(role) ON TABLE identity.account TO sr_control;

GRANT UPDATE(deleted_at) ON TABLE identity.account TO sr_operator;
GRANT SELECT(deleted_at) ON TABLE identity.account TO sr_control;

GRANT SELECT,INSERT ON TABLE identity.account_key TO sr_operator;

GRANT UPDATE(revoked_at) ON TABLE identity.account_key TO sr_operator;

GRANT UPDATE(revoked_reason) ON TABLE identity.account_key TO sr_operator;

GRANT SELECT,INSERT ON TABLE identity.delivery TO sr_control;

GRANT UPDATE(sealed) ON TABLE identity.delivery TO sr_control;

GRANT UPDATE(opened_at) ON TABLE identity.delivery TO sr_control;

GRANT SELECT,INSERT ON TABLE identity.elevation TO sr_operator;

GRANT UPDATE(key_id) ON TABLE identity.elevation TO sr_operator;

GRANT UPDATE(begun_at) ON TABLE identity.elevation TO sr_operator;

GRANT UPDATE(ends_at) ON TABLE identity.elevation TO sr_operator;

GRANT UPDATE(ended_at) ON TABLE identity.elevation TO sr_operator;

GRANT UPDATE(ended_reason) ON TABLE identity.elevation TO sr_operator;

GRANT UPDATE(reviewed_at) ON TABLE identity.elevation TO sr_operator;

GRANT UPDATE(reviewer) ON TABLE identity.elevation TO sr_operator;

GRANT UPDATE(review) ON TABLE identity.elevation TO sr_operator;

GRANT SELECT,INSERT ON TABLE identity.environment TO sr_control;
GRANT SELECT,INSERT ON TABLE identity.environment TO sr_operator;

GRANT UPDATE(max_key_days) ON TABLE identity.environment TO sr_control;
GRANT UPDATE(max_key_days) ON TABLE identity.environment TO sr_operator;

GRANT SELECT,INSERT ON TABLE identity.federation_rule TO sr_control;

GRANT UPDATE(ended_at) ON TABLE identity.federation_rule TO sr_control;

GRANT UPDATE(ended_reason) ON TABLE identity.federation_rule TO sr_control;

GRANT SELECT,INSERT ON TABLE identity.incident TO sr_control;

GRANT UPDATE(report) ON TABLE identity.incident TO sr_control;

GRANT UPDATE(cause) ON TABLE identity.incident TO sr_control;

GRANT UPDATE(fix) ON TABLE identity.incident TO sr_control;

GRANT UPDATE(closed_at) ON TABLE identity.incident TO sr_control;

GRANT UPDATE(closed_by) ON TABLE identity.incident TO sr_control;

GRANT SELECT,INSERT ON TABLE identity.key TO sr_control;

GRANT SELECT(tenant_id) ON TABLE identity.key TO sr_operator;

GRANT SELECT(id) ON TABLE identity.key TO sr_operator;

GRANT SELECT(workload_id) ON TABLE identity.key TO sr_operator;

GRANT UPDATE(label) ON TABLE identity.key TO sr_control;
GRANT SELECT(label) ON TABLE identity.key TO sr_operator;

GRANT UPDATE(owner) ON TABLE identity.key TO sr_control;
GRANT SELECT(owner) ON TABLE identity.key TO sr_operator;

GRANT SELECT(created_at) ON TABLE identity.key TO sr_operator;

GRANT SELECT(expires_at) ON TABLE identity.key TO sr_operator;

GRANT UPDATE(revoked_at) ON TABLE identity.key TO sr_control;
GRANT SELECT(revoked_at) ON TABLE identity.key TO sr_operator;

GRANT UPDATE(revoked_reason) ON TABLE identity.key TO sr_control;
GRANT SELECT(revoked_reason) ON TABLE identity.key TO sr_operator;

GRANT SELECT(exception) ON TABLE identity.key TO sr_operator;

GRANT SELECT(purpose) ON TABLE identity.key TO sr_operator;

GRANT UPDATE(replaced_by) ON TABLE identity.key TO sr_control;
GRANT SELECT(replaced_by) ON TABLE identity.key TO sr_operator;

GRANT UPDATE(replaced_at) ON TABLE identity.key TO sr_control;
GRANT SELECT(replaced_at) ON TABLE identity.key TO sr_operator;

GRANT UPDATE(retires_at) ON TABLE identity.key TO sr_control;
GRANT SELECT(retires_at) ON TABLE identity.key TO sr_operator;

GRANT SELECT(proof) ON TABLE identity.key TO sr_operator;

GRANT SELECT(thumbprint) ON TABLE identity.key TO sr_operator;

GRANT UPDATE(bindings) ON TABLE identity.key TO sr_control;
GRANT SELECT(bindings) ON TABLE identity.key TO sr_operator;

GRANT SELECT(honeytoken) ON TABLE identity.key TO sr_operator;

GRANT SELECT,INSERT ON TABLE identity.key_neglect TO sr_control;

GRANT UPDATE(told_at) ON TABLE identity.key_neglect TO sr_control;

GRANT SELECT,INSERT ON TABLE identity.notice TO sr_operator;

GRANT UPDATE(delivered_at) ON TABLE identity.notice TO sr_operator;

GRANT SELECT,INSERT ON TABLE identity.request TO sr_operator;
GRANT SELECT,INSERT ON TABLE identity.request TO sr_control;

GRANT UPDATE(denied_at) ON TABLE identity.request TO sr_operator;
GRANT UPDATE(denied_at) ON TABLE identity.request TO sr_control;

GRANT UPDATE(approved_at) ON TABLE identity.request TO sr_operator;
GRANT UPDATE(approved_at) ON TABLE identity.request TO sr_control;

GRANT UPDATE(used_at) ON TABLE identity.request TO sr_operator;
GRANT UPDATE(used_at) ON TABLE identity.request TO sr_control;

GRANT UPDATE(withdrawn_at) ON TABLE identity.request TO sr_operator;
GRANT UPDATE(withdrawn_at) ON TABLE identity.request TO sr_control;

GRANT SELECT,INSERT ON TABLE identity.signer TO sr_control;

GRANT UPDATE(revoked_at) ON TABLE identity.signer TO sr_control;

GRANT UPDATE(revoked_reason) ON TABLE identity.signer TO sr_control;

GRANT SELECT ON TABLE identity.tenant TO sr_control;
GRANT SELECT,INSERT ON TABLE identity.tenant TO sr_operator;

GRANT UPDATE(deleted_at) ON TABLE identity.tenant TO sr_control;
GRANT UPDATE(deleted_at) ON TABLE identity.tenant TO sr_operator;

GRANT SELECT,INSERT ON TABLE identity.vote TO sr_operator;
GRANT SELECT,INSERT ON TABLE identity.vote TO sr_control;

GRANT SELECT,INSERT ON TABLE identity.workload TO sr_control;
GRANT SELECT ON TABLE identity.workload TO sr_operator;

GRANT UPDATE(owner) ON TABLE identity.workload TO sr_control;

GRANT UPDATE(deleted_at) ON TABLE identity.workload TO sr_control;

GRANT UPDATE(team) ON TABLE identity.workload TO sr_control;

GRANT UPDATE(pager) ON TABLE identity.workload TO sr_control;

GRANT UPDATE(purpose) ON TABLE identity.workload TO sr_control;

GRANT SELECT ON TABLE limits.counter TO sr_control;

GRANT SELECT ON TABLE limits.holding TO sr_control;

GRANT SELECT ON TABLE limits.taken TO sr_control;

GRANT SELECT,INSERT,UPDATE ON TABLE providers.provider TO sr_operator;

GRANT SELECT(id) ON TABLE providers.provider TO sr_control;

GRANT SELECT(name) ON TABLE providers.provider TO sr_control;

GRANT SELECT(kind) ON TABLE providers.provider TO sr_control;

GRANT SELECT(open_to) ON TABLE providers.provider TO sr_control;

GRANT SELECT(region) ON TABLE providers.provider TO sr_control;

GRANT SELECT(agreement) ON TABLE providers.provider TO sr_control;

GRANT SELECT(assessed_on) ON TABLE providers.provider TO sr_control;

GRANT SELECT(assessed_until) ON TABLE providers.provider TO sr_control;

GRANT SELECT(owner) ON TABLE providers.provider TO sr_control;

GRANT SELECT(deleted_at) ON TABLE providers.provider TO sr_control;

GRANT SELECT ON TABLE registry.approver_key TO sr_control;
GRANT SELECT,INSERT ON TABLE registry.approver_key TO sr_operator;

GRANT SELECT,INSERT ON TABLE registry.canary TO sr_control;

GRANT UPDATE(retired_at) ON TABLE registry.canary TO sr_control;

GRANT UPDATE(recognised_until) ON TABLE registry.canary TO sr_control;

GRANT SELECT ON TABLE registry.channel TO sr_control;
GRANT SELECT,INSERT ON TABLE registry.channel TO sr_operator;

GRANT UPDATE(stamp) ON TABLE registry.channel TO sr_operator;

GRANT UPDATE(renewed_at) ON TABLE registry.channel TO sr_operator;

GRANT SELECT ON TABLE registry.channel_metadata TO sr_control;
GRANT SELECT,INSERT ON TABLE registry.channel_metadata TO sr_operator;

GRANT SELECT,INSERT ON TABLE registry.content_subject TO sr_control;

GRANT SELECT,INSERT ON TABLE registry.dataset TO sr_control;

GRANT UPDATE(withdrawn_at) ON TABLE registry.dataset TO sr_control;

GRANT UPDATE(withdrawn_by) ON TABLE registry.dataset TO sr_control;

GRANT UPDATE(withdrawn_for) ON TABLE registry.dataset TO sr_control;

GRANT SELECT,INSERT ON TABLE registry.dataset_approval TO sr_control;

GRANT SELECT,INSERT ON TABLE registry.dataset_grant TO sr_control;

GRANT UPDATE(revoked_at) ON TABLE registry.dataset_grant TO sr_control;

GRANT SELECT,INSERT ON TABLE registry.deployment TO sr_control;
GRANT SELECT ON TABLE registry.deployment TO sr_operator;

GRANT UPDATE(release_digest) ON TABLE registry.deployment TO sr_control;

GRANT UPDATE(deleted_at) ON TABLE registry.deployment TO sr_control;

GRANT SELECT,INSERT ON TABLE registry.deployment_served TO sr_control;

GRANT SELECT,INSERT ON TABLE registry.evaluation TO sr_control;
GRANT SELECT ON TABLE registry.evaluation TO sr_operator;

GRANT SELECT ON TABLE registry.evidence TO sr_control;
GRANT SELECT,INSERT ON TABLE registry.evidence TO sr_operator;

GRANT SELECT,INSERT ON TABLE registry.label TO sr_control;

GRANT UPDATE(label) ON TABLE registry.label TO sr_control;

GRANT UPDATE(predicted) ON TABLE registry.label TO sr_control;

GRANT UPDATE(score) ON TABLE registry.label TO sr_control;

GRANT UPDATE(told_at) ON TABLE registry.label TO sr_control;

GRANT UPDATE(erased_at) ON TABLE registry.label TO sr_control;

GRANT UPDATE(subject) ON TABLE registry.label TO sr_control;

GRANT UPDATE(by_workload) ON TABLE registry.label TO sr_control;

GRANT SELECT,INSERT ON TABLE registry.lineage_edge TO sr_control;

GRANT SELECT,INSERT ON TABLE registry.lineage_run TO sr_control;

GRANT UPDATE(state) ON TABLE registry.lineage_run TO sr_control;

GRANT UPDATE(ended_at) ON TABLE registry.lineage_run TO sr_control;

GRANT UPDATE(facts) ON TABLE registry.lineage_run TO sr_control;

GRANT SELECT ON TABLE registry.outside_evidence TO sr_control;
GRANT SELECT,INSERT,DELETE ON TABLE registry.outside_evidence TO sr_operator;

GRANT SELECT,INSERT ON TABLE registry.own_evidence TO sr_control;
GRANT SELECT ON TABLE registry.own_evidence TO sr_operator;

GRANT SELECT,INSERT,DELETE ON TABLE registry.own_outside_evidence TO sr_control;
GRANT SELECT ON TABLE registry.own_outside_evidence TO sr_operator;

GRANT SELECT,INSERT ON TABLE registry.own_release TO sr_control;
GRANT SELECT ON TABLE registry.own_release TO sr_operator;

GRANT UPDATE(name) ON TABLE registry.own_release TO sr_control;

GRANT UPDATE(version) ON TABLE registry.own_release TO sr_control;

GRANT UPDATE(kind) ON TABLE registry.own_release TO sr_control;

GRANT UPDATE(format) ON TABLE registry.own_release TO sr_control;

GRANT UPDATE(bytes) ON TABLE registry.own_release TO sr_control;

GRANT UPDATE(source) ON TABLE registry.own_release TO sr_control;

GRANT UPDATE(author) ON TABLE registry.own_release TO sr_control;

GRANT UPDATE(admitted_at) ON TABLE registry.own_release TO sr_control;

GRANT UPDATE(deleted_at) ON TABLE registry.own_release TO sr_control;

GRANT SELECT,INSERT ON TABLE registry.prompt TO sr_control;

GRANT UPDATE(sealed) ON TABLE registry.prompt TO sr_control;

GRANT UPDATE(erased_at) ON TABLE registry.prompt TO sr_control;

GRANT SELECT,INSERT ON TABLE registry.prompt_approval TO sr_control;

GRANT SELECT ON TABLE registry.release TO sr_control;
GRANT SELECT,INSERT ON TABLE registry.release TO sr_operator;

GRANT UPDATE(name) ON TABLE registry.release TO sr_operator;

GRANT UPDATE(version) ON TABLE registry.release TO sr_operator;

GRANT UPDATE(kind) ON TABLE registry.release TO sr_operator;

GRANT UPDATE(format) ON TABLE registry.release TO sr_operator;

GRANT UPDATE(bytes) ON TABLE registry.release TO sr_operator;

GRANT UPDATE(source) ON TABLE registry.release TO sr_operator;

GRANT UPDATE(admitted_at) ON TABLE registry.release TO sr_operator;

GRANT UPDATE(author) ON TABLE registry.release TO sr_operator;

GRANT UPDATE(deleted_at) ON TABLE registry.release TO sr_operator;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE registry.serving_lack TO sr_control;
GRANT SELECT ON TABLE registry.serving_lack TO sr_operator;

GRANT SELECT,INSERT ON TABLE registry.source TO sr_control;

GRANT SELECT,INSERT ON TABLE registry.target TO sr_control;
GRANT SELECT ON TABLE registry.target TO sr_operator;

GRANT SELECT,INSERT ON TABLE registry.training_event TO sr_control;

GRANT SELECT,INSERT ON TABLE registry.training_file TO sr_control;

GRANT UPDATE(deleted_at) ON TABLE registry.training_file TO sr_control;

GRANT SELECT,INSERT ON TABLE registry.training_job TO sr_control;

GRANT UPDATE(status) ON TABLE registry.training_job TO sr_control;

GRANT UPDATE(started_at) ON TABLE registry.training_job TO sr_control;

GRANT UPDATE(finished_at) ON TABLE registry.training_job TO sr_control;

GRANT UPDATE(code) ON TABLE registry.training_job TO sr_control;

GRANT UPDATE(message) ON TABLE registry.training_job TO sr_control;

GRANT UPDATE(digest) ON TABLE registry.training_job TO sr_control;

GRANT UPDATE(figures) ON TABLE registry.training_job TO sr_control;

GRANT SELECT ON TABLE retention.analytics TO sr_control;

GRANT SELECT,INSERT ON TABLE retention.hold TO sr_operator;

GRANT UPDATE(released_at) ON TABLE retention.hold TO sr_operator;

GRANT UPDATE(released_by) ON TABLE retention.hold TO sr_operator;

GRANT SELECT ON TABLE retention.manifest TO sr_operator;
GRANT INSERT ON TABLE retention.manifest TO sr_control;

GRANT SELECT,INSERT ON TABLE rules.document TO sr_control;
GRANT SELECT,INSERT ON TABLE rules.document TO sr_operator;

GRANT SELECT ON TABLE retention.rule TO sr_operator;

GRANT SELECT ON TABLE retention.summary TO sr_control;

GRANT SELECT,INSERT ON TABLE rules.value_list TO sr_control;

GRANT SELECT ON TABLE store.migration TO sr_control;
GRANT SELECT ON TABLE store.migration TO sr_operator;
GRANT SELECT ON TABLE store.migration TO sr_gateway;
GRANT SELECT ON TABLE store.migration TO sr_keeper;

GRANT SELECT,INSERT ON TABLE subjects.hold TO sr_control;

GRANT UPDATE(reason) ON TABLE subjects.hold TO sr_control;

GRANT UPDATE(released_at) ON TABLE subjects.hold TO sr_control;

GRANT UPDATE(released_by) ON TABLE subjects.hold TO sr_control;

GRANT UPDATE(note) ON TABLE subjects.hold TO sr_control;

GRANT SELECT,INSERT ON TABLE subjects.request TO sr_control;

GRANT UPDATE(state) ON TABLE subjects.request TO sr_control;

GRANT UPDATE(confirmed_by) ON TABLE subjects.request TO sr_control;

GRANT UPDATE(confirmed_at) ON TABLE subjects.request TO sr_control;

GRANT UPDATE(ended_at) ON TABLE subjects.request TO sr_control;

GRANT UPDATE(refused_for) ON TABLE subjects.request TO sr_control;

GRANT UPDATE(verdict) ON TABLE subjects.request TO sr_control;

GRANT UPDATE(certificate) ON TABLE subjects.request TO sr_control;

GRANT UPDATE(note) ON TABLE subjects.request TO sr_control;

GRANT UPDATE(refused_note) ON TABLE subjects.request TO sr_control;

ALTER DEFAULT PRIVILEGES FOR ROLE sr_owner REVOKE ALL ON TYPES FROM PUBLIC;

ALTER DEFAULT PRIVILEGES FOR ROLE sr_owner REVOKE ALL ON FUNCTIONS FROM PUBLIC;
