-- For how long things are kept is a document of rules like any other: versioned, compared, proposed. What can remove a row reads it.

create policy kept_by on rules.document for select to sr_owner
    using (tenant_id = '00000000-0000-0000-0000-000000000000' and kind = 'retention');
create policy kept_by on identity.tenant for select to sr_owner using (true);

-- What was said row by row becomes the document's first version. A tenant that had a rule of its own is named in it.
create policy moved_once on rules.document for insert to sr_owner with check (kind = 'retention');
insert into rules.document (tenant_id, kind, level, version, digest, body, author, credential, reason)
select '00000000-0000-0000-0000-000000000000', 'retention', 'default', 1, encode(sha256(convert_to(d.body, 'UTF8')), 'hex'), d.body,
       'installation', '', 'the rules that were set one by one before'
from (
    select '{"rules":[' || string_agg(
               '{' || coalesce('"tenants":["' || o.name || '"],', '') || o.days || '}', ',' order by o.name nulls first) || ']}' as body
    from (
        select s.name, string_agg('"' || s.class || '":' || s.days, ',' order by array_position(array['records', 'captures', 'analytics'], s.class))
               || coalesce(max(',"smallest":' || s.smallest), '') as days
        from (
            select distinct on (t.name, r.class) t.name, r.class, r.days, r.smallest
            from retention.rule r left join identity.tenant t on t.tenant_id = r.tenant_id
            where t.tenant_id is not null or r.tenant_id = '00000000-0000-0000-0000-000000000000'
            order by t.name, r.class, t.deleted_at nulls first, r.set_at desc
        ) s group by s.name
    ) o
) d where d.body is not null;
drop policy moved_once on rules.document;
drop table retention.rule;

create view retention.rule with (security_invoker = true) as
with last as (
    select case when d.withdrawn then null else d.body::jsonb end as body, d.reason, d.author, d.at from rules.document d
    where d.tenant_id = '00000000-0000-0000-0000-000000000000' and d.kind = 'retention' and d.level = 'default'
    order by d.version desc limit 1
), said as (
    select r.value as rule, l.reason, l.author, l.at from last l cross join lateral jsonb_array_elements(l.body -> 'rules') r
), whose as (
    select s.rule, s.reason, s.author, s.at, '00000000-0000-0000-0000-000000000000'::uuid as tenant_id from said s
    where not s.rule ? 'tenants'
    union all
    select s.rule, s.reason, s.author, s.at, t.tenant_id
    from said s cross join lateral jsonb_array_elements_text(s.rule -> 'tenants') n (name)
    join identity.tenant t on t.name = n.name
)
select w.tenant_id, c.class, (w.rule ->> c.class)::integer as days,
       case when c.class = 'analytics' then (w.rule ->> 'smallest')::integer end as smallest,
       w.reason, w.author as set_by, w.at as set_at
from whose w cross join (values ('records'), ('captures'), ('analytics')) c (class)
where w.rule ? c.class;
comment on view retention.rule is 'for how many days a class of rows is kept, as the document of rules says: of a tenant, or (tenant_id zero) of all that have no rule of their own';
grant select on retention.rule to sr_operator;
