-- What deployments lack that serve already: since when, and until when they may. It is what was found when they were judged last;
-- what gateways follow is in the feed. A deployment that lacks nothing has no row.

create table registry.serving_lack (
    tenant_id     uuid        not null,
    deployment_id uuid        not null,
    digest        text        not null check (digest ~ '^sha256:[0-9a-f]{64}$'),
    state         text        not null check (state in ('told', 'stopped')),
    because       text        not null check (length(because) between 1 and 4000),
    since         jsonb       not null check (octet_length(since::text) <= 65536),
    first_at      timestamptz not null,
    until_at      timestamptz,
    primary key (tenant_id, deployment_id),
    foreign key (tenant_id, deployment_id) references registry.deployment (tenant_id, id)
);
comment on table registry.serving_lack is 'what a deployment lacks that serves already, by each rule that stops for it since when, and when it is stopped';
alter table registry.serving_lack enable row level security;
alter table registry.serving_lack force row level security;
create policy own_tenant on registry.serving_lack to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy operator_read on registry.serving_lack for select to sr_operator using (true);
grant select, insert, update, delete on registry.serving_lack to sr_control;
grant select on registry.serving_lack to sr_operator;

-- Two more kinds of incident open by themselves: a deployment goes on though it lacks what is demanded, and one was stopped for it.
alter table identity.incident drop constraint incident_kind_check;
alter table identity.incident add constraint incident_kind_check
    check (kind in ('key-leak', 'canary-leak', 'prompt-leak', 'honeytoken', 'export-limit', 'flow-undeclared', 'serving-lapsed',
                    'serving-stopped'));
drop policy raised on identity.incident;
create policy raised on identity.incident for insert to sr_owner
    with check (kind in ('canary-leak', 'prompt-leak', 'honeytoken', 'export-limit', 'flow-undeclared', 'serving-lapsed',
                         'serving-stopped') and closed_at is null);

create or replace function audit.raise_incident() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
drop trigger raise_incident on audit.entry;
create trigger raise_incident after insert on audit.entry for each row
    when (new.detail ->> 'signal' in ('canary-leak', 'prompt-leak', 'honeytoken-used', 'export-limit', 'flow-undeclared',
                                      'serving-lapsed', 'serving-stopped'))
    execute function audit.raise_incident();

-- What newer evidence of the same kind and key has taken the place of may be let go of, by whom may take evidence in; the newest
-- piece about a thing never, whoever asks.
create function registry.keep_newest_evidence() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
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
create trigger keep_newest before delete on registry.outside_evidence
    for each row execute function registry.keep_newest_evidence();
create trigger keep_newest before delete on registry.own_outside_evidence
    for each row execute function registry.keep_newest_evidence();
grant delete on registry.outside_evidence to sr_operator;
grant delete on registry.own_outside_evidence to sr_control;
