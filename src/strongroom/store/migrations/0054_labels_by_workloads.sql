-- Labels told by workloads that evaluate: which one, so that a workload's word never takes the place of an administrator's.
alter table registry.label add column by_workload uuid;
comment on column registry.label.by_workload is 'the workload that told it; null: an administrator of the tenant did';
grant update (by_workload) on registry.label to sr_control;
