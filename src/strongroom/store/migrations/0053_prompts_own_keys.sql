-- System prompts are sealed under their tenants' own keys. Which of them rest under the installation's keyring still, as earlier
-- versions sealed them, is told by their first byte; whoever starts control moves them, in each tenant's own transactions.
create policy moved_from on registry.prompt for select to sr_owner
    using (erased_at is null and substring(sealed from 1 for 1) = '\x01');

create function registry.prompts_to_move() returns table (tenant_id uuid, name text, version text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select p.tenant_id, p.name, p.version from registry.prompt p
    where p.erased_at is null and substring(p.sealed from 1 for 1) = '\x01'
    order by p.tenant_id, p.name, p.version
$$;
comment on function registry.prompts_to_move is 'which system prompts are sealed under the installation''s keyring still; no text, sealed or not';
revoke execute on function registry.prompts_to_move from public;
grant execute on function registry.prompts_to_move to sr_operator;
