"""The rules of the catalog lint about roles and grants; see `store/rules.py` for what a rule may use."""

from __future__ import annotations

from typing import Final

from strongroom.store.rules import Rule

ON_ROLES: Final = (
    Rule(
        name="powers",
        problem="is a role with powers that step around row security, or a member of another role",
        mend="alter role … nosuperuser nobypassrls nocreaterole nocreatedb noreplication noinherit; revoke … from …",
        offenders="""
            select r.rolname as subject from names, pg_roles r where r.rolname = any(names.roles)
              and (r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolinherit
                   or (r.rolname = 'sr_owner' and r.rolcanlogin)
                   or exists (select from pg_auth_members m where m.member = r.oid))
            union all
            select wanted from names, unnest(names.roles) as wanted where to_regrole(wanted) is null""",
    ),
    Rule(
        name="unbounded-role",
        problem="is a role without limits on its connections, statements, waits or idle transactions",
        mend="run `strongroom up` again; it sets them",
        offenders="""
            select r.rolname as subject from names, pg_roles r where r.rolname = any(names.serving)
              and (r.rolconnlimit < 0 or (
                  select count(*) from unnest(r.rolconfig) as setting
                  where split_part(setting, '=', 1) in ('statement_timeout', 'lock_timeout',
                      'idle_in_transaction_session_timeout', 'search_path', 'track_activities')) <> 5)""",
    ),
    Rule(
        name="owns",
        problem="is owned by a role that serves, whom row security does not bind there",
        mend="reassign owned by … to sr_owner",
        offenders="""
            select r.rolname || ' owns ' || pg_describe_object(d.classid, d.objid, d.objsubid) as subject
            from names, pg_shdepend d join pg_roles r on r.oid = d.refobjid
            where d.refclassid = 'pg_authid'::regclass and d.deptype = 'o' and r.rolname = any(names.serving)
              and d.dbid in (0, (select oid from pg_database where datname = current_database()))""",
    ),
    Rule(
        name="public-grant",
        problem="is granted to PUBLIC",
        mend="revoke all on … from public",
        offenders="""select distinct subject from grants where grantee = 0
             union all
             select n.nspname from names, pg_namespace n, aclexplode(n.nspacl) g
             where g.grantee = 0 and (n.nspname = any(names.schemas) or n.nspname = 'public')
             union all
             select 'database ' || d.datname from pg_database d,
                    aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) g
             where g.grantee = 0 and d.datname = current_database()""",
    ),
    Rule(
        name="stranger-grant",
        problem="is granted to a role that is not ours",
        mend="revoke all on … from that role",
        offenders="""select distinct g.subject || ' to ' || r.rolname as subject from grants g join pg_roles r on r.oid = g.grantee
             where r.rolname not in ('sr_owner', 'sr_control', 'sr_operator', 'sr_gateway', 'sr_keeper')""",
    ),
    Rule(
        name="partition-grant",
        problem="is a partition with grants of its own: its parent's policies do not bind there",
        mend="revoke all on … from every role",
        offenders="""select distinct subject from grants where relispartition and grantee <> 'sr_owner'::regrole""",
    ),
    Rule(
        name="gateway-reads",
        problem="can be read by the gateway, which should only follow the feed and append",
        mend="revoke select on … from sr_gateway",
        offenders="""select distinct subject from grants
             where grantee = 'sr_gateway'::regrole and privilege_type in ('SELECT', 'UPDATE', 'DELETE', 'TRUNCATE')""",
    ),
    Rule(
        name="erasable",
        problem="can be erased, emptied or triggered by a role that serves; nothing here is deleted row by row",
        mend="revoke delete, truncate, trigger, references on … from that role",
        offenders="""select distinct subject from grants where grantee <> 'sr_owner'::regrole
             and privilege_type in ('DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES', 'MAINTAIN')""",
    ),
    Rule(
        name="audit-changes",
        problem="is an audit table that a role that serves can change",
        mend="revoke update on … from that role",
        offenders="""select distinct subject from grants where subject ~ '^(audit|gateway)\\.' and privilege_type = 'UPDATE'
             and grantee not in ('sr_owner'::regrole, 'sr_keeper'::regrole)""",
    ),
    Rule(
        name="keeper-reach",
        problem="can be used by the keeper, which seals the logs and has no other business",
        mend="revoke all on … from sr_keeper",
        offenders="""select distinct subject from grants where grantee = 'sr_keeper'::regrole
             and (subject !~ '^audit\\.' or privilege_type not in ('SELECT', 'INSERT', 'UPDATE'))""",
    ),
    Rule(
        name="dangerous-function",
        problem="can be called by a role that serves: in an injected expression it changes tenant, runs text or spies",
        mend="run `strongroom up` again; store/harden.sql revokes it",
        offenders="""
            select r.rolname || ' ' || f.name as subject
            from names, pg_roles r,
                 unnest(array['set_config', 'query_to_xml', 'query_to_xmlschema', 'query_to_xml_and_xmlschema',
                              'cursor_to_xml', 'cursor_to_xmlschema', 'ts_stat', 'pg_terminate_backend',
                              'pg_cancel_backend', 'pg_stat_get_activity', 'pg_stat_get_backend_activity', 'lo_creat',
                              'lo_create', 'lo_from_bytea', 'pg_read_file', 'pg_ls_dir', 'lo_import', 'lo_export']) as f (name)
            where r.rolname = any(names.serving)
              and exists (select from pg_proc p where p.proname = f.name and p.pronamespace = 'pg_catalog'::regnamespace
                          and has_function_privilege(r.oid, p.oid, 'execute'))
            union all
            select rolname || ' pg_stat_activity' from names, pg_roles
            where rolname = any(names.serving) and has_table_privilege(oid, 'pg_catalog.pg_stat_activity', 'select')
            union all
            select rolname || ' language plpgsql' from names, pg_roles
            where rolname = any(names.serving) and has_language_privilege(oid, 'plpgsql', 'usage')
            union all
            select rolname || ' may create' from names, pg_roles
            where rolname = any(names.serving)
              and (has_database_privilege(oid, current_database(), 'create, temporary')
                   or exists (select from pg_namespace n where has_schema_privilege(pg_roles.oid, n.oid, 'create')))""",
    ),
)
