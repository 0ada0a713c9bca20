-- Whose data a request was about: a pseudonym under the tenant's key, which can go. What the log holds of it is a commitment.

alter table gateway.record
    add column subject      text  check (subject ~ '^sub_[0-9a-f]{32}$'),
    add column subject_salt bytea check (octet_length(subject_salt) = 16),
    add column subject_seal bytea check (octet_length(subject_seal) = 32),
    add check ((subject is null) = (subject_salt is null)),
    add check (subject is null or subject_seal is not null);
create index record_subject on gateway.record (tenant_id, subject) where subject is not null;

alter table gateway.response add column subject text check (subject ~ '^sub_[0-9a-f]{32}$');
create index response_subject on gateway.response (tenant_id, subject) where subject is not null;
