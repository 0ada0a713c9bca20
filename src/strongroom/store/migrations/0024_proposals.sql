-- What waits for a second person: documents of rules, accounts and providers, besides elevations. A tenant's own people propose
-- and decide on their tenant's rules, in their tenant's transaction: so requests have row security now, by what they are
-- about. Everything else stays the installation's, as an elevation is.

alter table identity.request drop constraint request_kind_check;
alter table identity.request add constraint request_kind_check
    check (kind in ('elevation', 'policy', 'rules', 'account', 'provider'));
alter table identity.request enable row level security;
alter table identity.request force row level security;
create policy operator_all on identity.request to sr_operator using (true) with check (true);
create policy own_tenant_read on identity.request for select to sr_control
    using (about = nullif(current_setting('strongroom.tenant', true), '')::uuid and kind in ('rules', 'policy'));
create policy own_tenant_add on identity.request for insert to sr_control
    with check (about = nullif(current_setting('strongroom.tenant', true), '')::uuid and kind in ('rules', 'policy'));
create policy own_tenant_mark on identity.request for update to sr_control
    using (about = nullif(current_setting('strongroom.tenant', true), '')::uuid and kind in ('rules', 'policy'));
grant select, insert, update (denied_at, approved_at, used_at, withdrawn_at) on identity.request to sr_control;

-- A vote is seen and cast where its request is seen.
alter table identity.vote enable row level security;
alter table identity.vote force row level security;
create policy operator_all on identity.vote to sr_operator using (true) with check (true);
create policy own_tenant_read on identity.vote for select to sr_control
    using (exists (select from identity.request r where r.id = request_id));
create policy own_tenant_add on identity.vote for insert to sr_control
    with check (exists (select from identity.request r where r.id = request_id));
grant select, insert on identity.vote to sr_control;

-- A version tells who approved it, and by which request it came.
alter table rules.document add column approved_by text, add column request_id uuid;
