-- Documents that are believed by a seal alone: what is demanded before a release serves.

alter table rules.document add column seal bytea check (octet_length(seal) between 1 and 65536);
comment on column rules.document.seal is 'the installation''s signature over a version of the kind approval; of other kinds none';
