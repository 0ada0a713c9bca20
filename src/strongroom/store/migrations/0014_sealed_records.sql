-- Records of requests are sealed in batches: a batch is one entry of the tenant's log, which commits to every record in it.

alter table gateway.record add column batch uuid;
create index record_unsealed on gateway.record (at, id) where batch is null;
create index record_batch on gateway.record (tenant_id, batch, id) where batch is not null;
create policy keeper_read on gateway.record for select to sr_keeper using (true);
-- A record is put into a batch once, and nothing else of it is the keeper's to change.
create policy keeper_seal on gateway.record for update to sr_keeper using (batch is null) with check (batch is not null);
grant select, update (batch) on gateway.record to sr_keeper;
