"""The rules of the catalog lint about tables and other objects: each a query that returns what breaks it.

Each may use, beside pg_catalog, the tables of `PREAMBLE`: `names` (our schemas, the roles that serve, all our roles),
`ours` (what lies in our schemas) and `grants` (on it, columns included). An offender is called `subject`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SCHEMAS: Final = (
    "identity",
    "registry",
    "audit",
    "feed",
    "gateway",
    "subjects",
    "store",
    "providers",
    "limits",
    "rules",
    "retention",
    "capture",
    "flows",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One promise: who breaks it, what that means, how to mend it."""

    name: str
    problem: str
    mend: str
    offenders: str


PREAMBLE: Final = """
    with names as (
        select $1::text[] as schemas, $2::text[] as serving, $3::text[] as roles
    ), ours as (
        select c.oid, c.relname, c.relkind, c.relispartition, c.relrowsecurity, c.relforcerowsecurity, c.relowner,
               c.relacl, c.reloptions, n.nspname || '.' || c.relname as subject,
               exists (select from pg_attribute a
                       where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped) as has_tenant
        from names, pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any(names.schemas) and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
    ), grants as (
        select o.subject, o.relispartition, g.grantee, g.privilege_type from ours o, aclexplode(o.relacl) g
        union all
        select o.subject, o.relispartition, g.grantee, g.privilege_type
        from ours o join pg_attribute a on a.attrelid = o.oid, aclexplode(a.attacl) g
    )
"""

ON_ROWS: Final = (
    Rule(
        name="row-security",
        problem="has a tenant_id and does not force row level security",
        mend="alter table … enable row level security; alter table … force row level security",
        offenders="""select subject from ours
             where has_tenant and relkind in ('r', 'p') and not (relrowsecurity and relforcerowsecurity)""",
    ),
    Rule(
        name="no-policy",
        problem="has a tenant_id and no policy: nobody can use it, or somebody will switch row security off",
        mend="create policy own_tenant on … to sr_control using (tenant_id = the one that is set)",
        # A partition is reached through its parent, whose policies count; it has no grants (see partition-grant).
        offenders="""select subject from ours o where has_tenant and relkind in ('r', 'p') and not relispartition
             and not exists (select from pg_policy p where p.polrelid = o.oid)""",
    ),
    Rule(
        name="open-policy",
        problem="lets a role at the rows of every tenant",
        mend="compare tenant_id with the tenant that is set, or list it in store/lint.py with the reason",
        # The part that lets rows through must name the tenant; WITH CHECK alone decides for inserts.
        offenders="""select o.subject || '.' || p.polname as subject from ours o join pg_policy p on p.polrelid = o.oid
             where coalesce(pg_get_expr(p.polqual, p.polrelid), '(tenant_id = ') !~ '\\(tenant_id = '
                or coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '(tenant_id = ') !~ '\\(tenant_id = '
                or coalesce(pg_get_expr(p.polqual, p.polrelid), '') || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '')
                   ~* '\\mor\\M'""",
    ),
    Rule(
        name="public-policy",
        problem="is a policy for PUBLIC",
        mend="name the roles: create policy … to sr_control",
        offenders="""select o.subject || '.' || p.polname as subject from ours o join pg_policy p on p.polrelid = o.oid
             where 0 = any(p.polroles)""",
    ),
    Rule(
        name="tenant-first",
        problem="is a key of a tenant's table that does not start with tenant_id",
        mend="put tenant_id first, in a foreign key on both sides; or list it in store/lint.py with the reason",
        offenders="""select f.subject from (
             select o.subject || '.' || c.relname as subject, i.indrelid as relation, i.indkey[0] as attribute,
                    null::oid as target, null::smallint as target_attribute
             from ours o join pg_index i on i.indrelid = o.oid and i.indisunique join pg_class c on c.oid = i.indexrelid
             where o.has_tenant
             union all
             select o.subject || '.' || k.conname, k.conrelid, k.conkey[1], k.confrelid, k.confkey[1]
             from ours o join pg_constraint k on k.conrelid = o.oid and k.contype = 'f'
             where o.has_tenant or exists (select from ours t where t.oid = k.confrelid and t.has_tenant
                                           and t.subject <> 'identity.account')
             ) f
        left join pg_attribute a on a.attrelid = f.relation and a.attnum = f.attribute
        left join pg_attribute b on b.attrelid = f.target and b.attnum = f.target_attribute
        where a.attname is distinct from 'tenant_id' or (f.target is not null and b.attname is distinct from 'tenant_id')""",
    ),
    Rule(
        name="undocumented",
        problem="has no comment that says what it holds",
        mend="comment on table … is '…'",
        offenders="""select subject from ours where relkind in ('r', 'p', 'v') and obj_description(oid, 'pg_class') is null""",
    ),
)

ON_OBJECTS: Final = (
    Rule(
        name="definer-function",
        problem="is a function: one that is SECURITY DEFINER, or that PUBLIC may run, steps around row security",
        mend="do it in the transaction of the caller instead",
        offenders="""
            select p.oid::regprocedure::text as subject from names, pg_proc p join pg_namespace n on n.oid = p.pronamespace
            where n.nspname = any(names.schemas)
              and (p.prosecdef or exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
                                          where g.grantee = 0))""",
    ),
    Rule(
        name="trigger",
        problem="runs code of its own with a change, or is a trigger of ours that is switched off",
        mend="drop it, or enable it; a new one is listed in store/lint.py with the reason",
        offenders="""
            select o.subject || '.' || t.tgname || case t.tgenabled when 'O' then '' else ' (off)' end as subject
            from ours o join pg_trigger t on t.tgrelid = o.oid where not t.tgisinternal
            union all
            select 'event trigger ' || evtname from pg_event_trigger
            union all
            select o.subject || '.' || w.rulename from ours o join pg_rewrite w on w.ev_class = o.oid
            where o.relkind in ('r', 'p')""",
    ),
    Rule(
        name="materialised-view",
        problem="is a materialised view, which has no row security",
        mend="make it a table with a tenant_id",
        offenders="select subject from ours where relkind = 'm'",
    ),
    Rule(
        name="definer-view",
        problem="is a view that reads as its owner",
        mend="create view … with (security_invoker = true)",
        offenders="""select subject from ours where relkind = 'v'
             and not coalesce(reloptions::text ~ 'security_invoker=(true|on|1)', false)""",
    ),
    Rule(
        name="sequence",
        problem="is a sequence: ids from it can be counted and guessed",
        mend="let the caller make a random id (kernel.ids.new_uuid)",
        offenders="select subject from ours where relkind = 'S'",
    ),
    Rule(
        name="foreign-table",
        problem="is a foreign table: row security ends there",
        mend="drop it",
        offenders="select subject from ours where relkind = 'f'",
    ),
    Rule(
        name="owner",
        problem="does not belong to sr_owner",
        mend="alter … owner to sr_owner",
        offenders="select subject from ours where relowner <> 'sr_owner'::regrole",
    ),
    Rule(
        name="unexpected-schema",
        problem="is a schema that the lint does not know",
        mend="drop it, or add it to store/rules.py",
        offenders="""
            select nspname as subject from names, pg_namespace
            where nspname <> all(names.schemas) and nspname not in ('public', 'information_schema') and nspname !~ '^pg_'""",
    ),
    Rule(
        name="public-table",
        problem="lies in the schema public, where no rule looks",
        mend="move it to a room's schema",
        offenders="""
            select 'public.' || relname as subject from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S', 'f')""",
    ),
)
