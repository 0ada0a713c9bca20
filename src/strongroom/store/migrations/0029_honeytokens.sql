-- Keys that open nothing, anywhere: whoever uses one has found it where it was laid, and has told so.

alter table identity.key add column honeytoken boolean not null default false;
comment on column identity.key.honeytoken is 'it was laid out to be found: it never counts, and its use opens an incident; it cannot become a key that does';
grant select (honeytoken) on identity.key to sr_operator;
