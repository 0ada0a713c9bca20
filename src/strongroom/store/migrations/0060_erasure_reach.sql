-- Erasing reaches labels, what was said of requests and holds, and rows of data sets and training files.

-- Whose request a label is of: taken from its record, and gone with the person.
alter table registry.label add column subject text check (subject ~ '^sub_[0-9a-f]{32}$');
create index label_subject on registry.label (tenant_id, subject) where subject is not null;
grant update (subject) on registry.label to sr_control;
create policy erased_read on registry.label for select to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and subject is not null);
create policy erased_by on registry.label for delete to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and subject is not null);
-- Labels that came back before this version: the owner may link them while it migrates, and not afterwards.
create policy linked_once on registry.label to sr_owner using (true) with check (true);
create policy linked_once on gateway.record for select to sr_owner using (true);
update registry.label l set subject = r.subject
from gateway.record r where r.tenant_id = l.tenant_id and r.id = l.request_id and r.subject is not null;
drop policy linked_once on registry.label;
drop policy linked_once on gateway.record;

create function registry.drop_labels(of_subject text, before timestamptz) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
comment on function registry.drop_labels is 'deletes labels of requests of a subject of the tenant that is set, unless something holds them';
revoke execute on function registry.drop_labels from public;
grant execute on function registry.drop_labels to sr_control;

-- Why a request was refused and why a person's data is held is sealed under the person's key, as what was said of requests is.
-- `refused_for` and `reason` hold what was written in the open before, and the reasons of holds on everybody.
alter table subjects.request add column refused_note bytea check (octet_length(refused_note) <= 8192);
do $$
declare
    old text;
begin
    select conname into strict old from pg_constraint
    where conrelid = 'subjects.request'::regclass and contype = 'c' and pg_get_constraintdef(oid) like '%refused_for IS NOT NULL%';
    execute format('alter table subjects.request drop constraint %I', old);
end $$;
alter table subjects.request add check (state = 'refused' or (refused_for is null and refused_note is null));
grant update (refused_note) on subjects.request to sr_control;
alter table subjects.hold alter column reason drop not null;
alter table subjects.hold add column note bytea check (octet_length(note) <= 8192);
alter table subjects.hold add check (num_nonnulls(reason, note) <= 1 and (note is null or subject is not null));
grant update (reason, note) on subjects.hold to sr_control;

-- Which rows of which data set and training file are of whom: a pseudonym and a number. The rows say it too, by the same pseudonym.
create table registry.content_subject (
    tenant_id uuid        not null references identity.tenant (tenant_id),
    subject   text        not null check (subject ~ '^sub_[0-9a-f]{32}$'),
    file      text        not null check (file ~ '^(dataset|training):[0-9a-z:-]{1,200}$'),
    part      text        not null check (part in ('rows', 'rejects')),
    rows      integer     not null check (rows > 0),
    at        timestamptz not null,
    primary key (tenant_id, subject, file, part)
);
create index content_subject_file on registry.content_subject (tenant_id, file);
comment on table registry.content_subject is 'how many rows of a data set or a training file are of which person; gone when they are';
alter table registry.content_subject enable row level security;
alter table registry.content_subject force row level security;
create policy own_tenant_append on registry.content_subject for insert to sr_control
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy own_tenant_read on registry.content_subject for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy erased_read on registry.content_subject for select to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy erased_by on registry.content_subject for delete to sr_owner
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert on registry.content_subject to sr_control;

create function registry.part_content(of_subject text, of_file text, of_part text, before timestamptz) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
comment on function registry.part_content is 'forgets which rows of a file were of a subject of the tenant that is set, unless something holds them; who calls it has removed the rows, or does now';
revoke execute on function registry.part_content from public;
grant execute on function registry.part_content to sr_control;

-- When a file ends, nobody's rows are in it any more.
create function registry.forget_content(of_file text) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone bigint;
begin
    delete from registry.content_subject c
    where c.tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid and (of_file is null or c.file = of_file);
    get diagnostics gone = row_count;
    return gone;
end $$;
comment on function registry.forget_content is 'forgets whose rows were in a file of the tenant that is set, or (null) in all of them: the file is gone';
revoke execute on function registry.forget_content from public;
grant execute on function registry.forget_content to sr_control;

alter table registry.training_file add column subject_column text check (length(subject_column) between 1 and 100);
