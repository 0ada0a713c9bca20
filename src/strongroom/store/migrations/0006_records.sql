-- What a record holds beyond the foundation's: decisions, outcome, cost, who answered. No content, as before.

-- The foundation wrote `at` when an answer had ended; from here on it is when the request was received, so that a record
-- of an interrupted request and one of its end would fall on the same day and be one row.
alter table gateway.record
    add column outcome       text   not null default 'completed'
        check (outcome in ('completed', 'refused', 'failed', 'cancelled', 'interrupted')),
    add column phase         text   not null default '' check (length(phase) <= 32),
    add column refusal       text   not null default '' check (length(refusal) <= 64),
    add column dialect       text   not null default 'openai' check (length(dialect) <= 32),
    add column target        text   not null default '' check (length(target) <= 128),
    add column first_byte_us bigint check (first_byte_us >= 0),
    add column cost_micro    bigint not null default 0 check (cost_micro >= 0),
    add column rules_version text   not null default '' check (length(rules_version) <= 128),
    add column decisions     jsonb  not null default '{}' check (octet_length(decisions::text) <= 4096);
create index record_at on gateway.record (tenant_id, at desc, id desc);
comment on table gateway.record is
    'one row per request of a known caller: who, which release, by which rules, how much, how long; never what was said';
