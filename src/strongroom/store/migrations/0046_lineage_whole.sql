-- Lineage of jobs and deployments: a job trains with a file or with an admitted data set, and what a deployment served, from when
-- on and by whose hand, is written down when it changes.

alter table registry.training_job alter column file_id drop not null;
alter table registry.training_job add column dataset_digest text;
alter table registry.training_job add constraint training_job_tenant_id_dataset_digest_fkey
    foreign key (tenant_id, dataset_digest) references registry.dataset (tenant_id, digest);
alter table registry.training_job add constraint training_job_input_check check (num_nonnulls(file_id, dataset_digest) = 1);

create table registry.deployment_served (
    tenant_id     uuid        not null,
    deployment_id uuid        not null,
    id            uuid        not null,
    before_digest text,
    digest        text,
    said_by       text        not null check (length(said_by) between 1 and 200),
    reason        text        not null check (length(reason) <= 1000),
    at            timestamptz not null,
    primary key (tenant_id, deployment_id, id),
    foreign key (tenant_id, deployment_id) references registry.deployment (tenant_id, id),
    check (num_nonnulls(before_digest, digest) >= 1)
);
comment on table registry.deployment_served is 'what deployments served instead of what, since when and by whose hand; no digest: withdrawn; added, never changed';
alter table registry.deployment_served enable row level security;
alter table registry.deployment_served force row level security;
create policy own_tenant on registry.deployment_served to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
grant select, insert on registry.deployment_served to sr_control;
