-- What is known of a release: its manifest, and signed statements about it. Nothing here is believed because it is here:
-- each is verified again whenever a release is judged, so a row that somebody wrote by hand counts for nothing.

create table registry.evidence (
    release_digest text        not null references registry.release (digest),
    id             uuid        not null,
    kind           text        not null check (kind in ('manifest', 'scan', 'signature', 'approval')),
    account_id     uuid        references identity.account (id),
    statement      bytea       not null check (octet_length(statement) between 1 and 16777216),
    made_at        timestamptz not null,
    primary key (release_digest, id),
    check ((kind = 'approval') = (account_id is not null))
);
create index evidence_made on registry.evidence (release_digest, made_at desc, id desc);
comment on table registry.evidence is 'manifests of releases and signed statements about them; added, never changed; of the installation, not of a tenant';
grant select on registry.evidence to sr_control;
grant select, insert on registry.evidence to sr_operator;

-- Whose approvals count is asked where a tenant deploys: which accounts are approvers, by id and nothing else of them.
create policy approvers on identity.account for select to sr_control using (role = 'approver' and tenant_id is null);
grant select (id, role, deleted_at) on identity.account to sr_control;
