-- What people ask of their data, what holds against erasing it, and the ways to erase: functions that ask by themselves.

create schema subjects;
comment on schema subjects is 'what people ask of their data: requests with their clock, holds, and what was certified';
grant usage on schema subjects to sr_control;

create table subjects.request (
    tenant_id      uuid        not null references identity.tenant (tenant_id),
    id             uuid        not null,
    kind           text        not null check (kind in ('export', 'erase', 'offboard')),
    subject        text        check (subject ~ '^sub_[0-9a-f]{32}$'),
    state          text        not null default 'requested' check (state in ('requested', 'in-work', 'done', 'refused')),
    ticket         text        not null check (length(ticket) <= 64),
    requested_by   text        not null check (length(requested_by) between 1 and 200),
    requested_with text        not null check (length(requested_with) <= 64),
    requested_at   timestamptz not null,
    due_at         timestamptz not null,
    confirmed_by   text        check (length(confirmed_by) between 1 and 200),
    confirmed_at   timestamptz,
    ended_at       timestamptz,
    refused_for    text        check (length(refused_for) between 1 and 256),
    verdict        text        check (verdict in ('erased', 'incomplete', 'exported')),
    certificate    text        check (octet_length(certificate) <= 1048576),
    note           bytea       check (octet_length(note) <= 8192),
    primary key (tenant_id, id),
    check ((subject is null) = (kind = 'offboard')),
    check ((ended_at is not null) = (state in ('done', 'refused'))),
    check ((confirmed_by is null) = (confirmed_at is null)),
    check ((state = 'refused') = (refused_for is not null)),
    check (confirmed_by is null or confirmed_by <> requested_by)
);
create index request_open on subjects.request (tenant_id, due_at) where ended_at is null;
create index request_subject on subjects.request (tenant_id, subject);
comment on table subjects.request is 'requests of people, by pseudonym: what, since when, until when, who confirmed, and what came of it';

create table subjects.hold (
    tenant_id   uuid        not null references identity.tenant (tenant_id),
    id          uuid        not null,
    subject     text        check (subject ~ '^sub_[0-9a-f]{32}$'),
    kind        text        not null check (kind in ('hold', 'exception')),
    owner       text        not null check (octet_length(owner) between 1 and 128),
    reason      text        not null check (octet_length(reason) between 1 and 512),
    until       timestamptz,
    set_by      text        not null,
    set_at      timestamptz not null default now(),
    released_at timestamptz,
    released_by text,
    primary key (tenant_id, id),
    check (kind = 'hold' or until is not null)
);
create index hold_active on subjects.hold (tenant_id, subject) where released_at is null;
comment on table subjects.hold is 'why data of a person, or of everybody in a tenant (subject null), is not erased: a legal hold, or an exception that expires';

alter table subjects.request enable row level security;
alter table subjects.request force row level security;
alter table subjects.hold enable row level security;
alter table subjects.hold force row level security;
create policy own_tenant on subjects.request to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy own_tenant on subjects.hold to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy asked_by_owner on subjects.hold for select to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert, update (state, confirmed_by, confirmed_at, ended_at, refused_for, verdict, certificate, note)
    on subjects.request to sr_control;
grant select, insert, update (released_at, released_by) on subjects.hold to sr_control;

alter table gateway.response add column created_at timestamptz not null default now();
-- Control shows a person what is kept about them; answers that name nobody it does not see.
create policy own_subjects_read on gateway.response for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and subject is not null);
grant select on gateway.response to sr_control;

-- Only the owner can erase, by these functions, and each asks by itself whether anything holds it.
create policy parted_by on gateway.record for update to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and subject is not null)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and subject is null);
create policy erased_read on gateway.response for select to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and subject is not null);
create policy erased_by on gateway.response for delete to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and subject is not null);

create function subjects.held_by(of_subject text) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
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
comment on function subjects.held_by is 'what holds the data of a subject of the tenant that is set: a hold on the person, on all of the tenant, or on its records';
revoke execute on function subjects.held_by from public;
grant execute on function subjects.held_by to sr_control;

create function gateway.part_records(of_subject text, before timestamptz, most integer) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
comment on function gateway.part_records is 'parts records of the tenant that is set from a subject, unless something holds them; what was sealed of them stays as it is';
revoke execute on function gateway.part_records from public;
grant execute on function gateway.part_records to sr_control;

create function gateway.drop_responses(of_subject text, before timestamptz) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
comment on function gateway.drop_responses is 'deletes kept responses about a subject of the tenant that is set, unless something holds them';
revoke execute on function gateway.drop_responses from public;
grant execute on function gateway.drop_responses to sr_control;

-- The search for what is left: with the rights of who asks, in every table with rows of tenants, through every column of text.
create function subjects.places() returns table (place text, searchable boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
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
comment on function subjects.places is 'the tables with rows of tenants, and whether the caller may search each for what is left of a person';
revoke execute on function subjects.places from public;
grant execute on function subjects.places to sr_control;

create function subjects.left_in(of_place text, needles text[], of_day date) returns bigint
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
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
end $$;
comment on function subjects.left_in is 'how many rows of the tenant that is set hold one of some texts anywhere in a table, as far as the caller may see; null: not searched';
revoke execute on function subjects.left_in from public;
grant execute on function subjects.left_in to sr_control;
