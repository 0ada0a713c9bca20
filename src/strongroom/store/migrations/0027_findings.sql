-- How much personal data and how many secrets a request and its answer held, by direction and type. Numbers, never a piece of any.

alter table gateway.record add column findings jsonb check (octet_length(findings::text) <= 8192);
