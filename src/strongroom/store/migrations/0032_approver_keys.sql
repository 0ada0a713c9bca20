-- Approvers' own public keys, each in a certificate that the installation signed: a row that somebody wrote by hand has none.

create table registry.approver_key (
    account_id  uuid        not null references identity.account (id),
    key_id      text        not null check (key_id ~ '^[0-9a-f]{32}$'),
    certificate bytea       not null check (octet_length(certificate) between 1 and 16384),
    made_at     timestamptz not null,
    primary key (account_id, key_id)
);
comment on table registry.approver_key is 'public keys that approvers sign with themselves; added, never changed; of the installation, not of a tenant';
grant select on registry.approver_key to sr_control;
grant select, insert on registry.approver_key to sr_operator;
