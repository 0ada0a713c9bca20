-- The investigation archive: what was asked and answered, raw, where two others allowed it, for minutes, of one model of one tenant.
--
-- This is content, so it is sealed under the tenant's own key for this use alone. A gateway adds while a session is open and
-- has room, and the statement that adds asks that of this table; what it added it cannot read back.

create schema capture;
comment on schema capture is 'the investigation archive: sessions that two others approved, and what was captured in them, sealed';
grant usage on schema capture to sr_control, sr_gateway;

create table capture.session (
    tenant_id      uuid        not null references identity.tenant (tenant_id),
    id             uuid        not null,
    environment    text        not null check (environment in ('dev', 'test', 'prod')),
    model          text        not null check (octet_length(model) between 1 and 128),
    workload       text        not null default '' check (octet_length(workload) <= 128),
    share          integer     not null check (share between 1 and 10000),
    octets_most    integer     not null check (octets_most between 1024 and 67108864),
    requester      text        not null,
    ticket         text        not null check (octet_length(ticket) between 1 and 400),
    reason         text        not null check (octet_length(reason) between 1 and 1000),
    approved_by    text        not null,
    began_at       timestamptz not null default now(),
    ends_at        timestamptz not null check (ends_at <= began_at + interval '60 minutes'),
    stopped_at     timestamptz,
    stopped_by     text,
    stopped_reason text,
    primary key (tenant_id, id),
    check ((stopped_at is null) = (stopped_by is null))
);
comment on table capture.session is 'who may have raw requests captured, of which model, why, at whose word and until when';

create table capture.entry (
    tenant_id  uuid        not null,
    session_id uuid        not null,
    id         uuid        not null,
    at         timestamptz not null default now(),
    day        date        not null default (now() at time zone 'utc')::date,
    request_id text        not null check (request_id ~ '^req_[0-9a-f]{32}$'),
    subject    text        check (subject ~ '^sub_[0-9a-f]{32}$'),
    sealed     bytea       not null check (octet_length(sealed) between 1 and 1049600),
    octets     integer     not null generated always as (octet_length(sealed)) stored,
    primary key (tenant_id, session_id, id),
    foreign key (tenant_id, session_id) references capture.session (tenant_id, id)
);
create index entry_subject on capture.entry (tenant_id, subject) where subject is not null;
create index entry_day on capture.entry (tenant_id, day);
comment on table capture.entry is 'one captured request and its answer, sealed under the tenant''s key or its subject''s; goes by the rule of its class';

alter table capture.session enable row level security;
alter table capture.session force row level security;
alter table capture.entry enable row level security;
alter table capture.entry force row level security;
create policy own_tenant on capture.session to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy own_tenant_read on capture.session for select to sr_gateway
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy own_tenant_read on capture.entry for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy own_tenant_add on capture.entry for insert to sr_gateway
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy own_tenant_size on capture.entry for select to sr_gateway
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert, update (stopped_at, stopped_by, stopped_reason) on capture.session to sr_control;
grant select (tenant_id, id, ends_at, stopped_at, octets_most) on capture.session to sr_gateway;
grant select on capture.entry to sr_control;
grant insert, select (tenant_id, session_id, octets) on capture.entry to sr_gateway;

alter table identity.request drop constraint request_kind_check;
alter table identity.request add constraint request_kind_check check (kind in ('elevation', 'policy', 'rules', 'account', 'provider', 'capture'));

-- Retention knows a second class of rows, with days of its own where nobody said how many.
alter table retention.rule drop constraint rule_class_check;
alter table retention.rule add constraint rule_class_check check (class in ('records', 'captures'));
alter table retention.hold drop constraint hold_class_check;
alter table retention.hold add constraint hold_class_check check (class in ('records', 'captures'));

create policy dropped_by on capture.entry for select to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy dropped_by_day on capture.entry for delete to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);

create function retention.drop_captures(of_day date) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
comment on function retention.drop_captures is 'drops what was captured on one day of the tenant that is set, when its days are over and nothing holds it';
revoke execute on function retention.drop_captures from public;
grant execute on function retention.drop_captures to sr_control;

create function capture.drop_of_subject(of_subject text, before timestamptz) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
comment on function capture.drop_of_subject is 'deletes captured requests about a subject of the tenant that is set, unless something holds them';
revoke execute on function capture.drop_of_subject from public;
grant execute on function capture.drop_of_subject to sr_control;
