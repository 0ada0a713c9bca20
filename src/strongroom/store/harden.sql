-- What PostgreSQL gives to everybody and a serving role must not have. Run before every migration, as a superuser, in
-- the database itself: these grants are per database. The catalog lint looks at the outcome.

revoke all on schema public from public;

-- An injected expression may call any function it has EXECUTE on. These would set another tenant, run a statement from
-- text, stop other sessions, read their statements, or keep data where no row policy looks (large objects).
revoke execute on function
    pg_catalog.set_config(text, text, boolean),
    pg_catalog.query_to_xml(text, boolean, boolean, text),
    pg_catalog.query_to_xmlschema(text, boolean, boolean, text),
    pg_catalog.query_to_xml_and_xmlschema(text, boolean, boolean, text),
    pg_catalog.cursor_to_xml(refcursor, integer, boolean, boolean, text),
    pg_catalog.cursor_to_xmlschema(refcursor, boolean, boolean, text),
    pg_catalog.ts_stat(text),
    pg_catalog.ts_stat(text, text),
    pg_catalog.ts_rewrite(tsquery, text),
    pg_catalog.pg_terminate_backend(integer, bigint),
    pg_catalog.pg_cancel_backend(integer),
    pg_catalog.pg_stat_get_activity(integer),
    pg_catalog.pg_stat_get_backend_activity(integer),
    pg_catalog.lo_creat(integer),
    pg_catalog.lo_create(oid),
    pg_catalog.lo_from_bytea(oid, bytea)
from public;
revoke select on pg_catalog.pg_stat_activity from public;
revoke usage on language plpgsql from public;
grant usage on language plpgsql to sr_owner;

alter default privileges for role sr_owner revoke execute on functions from public;
alter default privileges for role sr_owner revoke usage on types from public;
