-- Tokens of accounts that are bound to a key or certificate of their holder and to networks, or carry a stated exception.

alter table identity.account_key
    add column proof text check (proof in ('dpop', 'mtls')),
    add column thumbprint bytea check (octet_length(thumbprint) = 32),
    add column networks text[] not null default '{}' check (cardinality(networks) <= 32),
    add column exception text check (length(exception) between 1 and 200),
    add constraint account_key_bound_whole check ((proof is null) = (thumbprint is null));
comment on column identity.account_key.networks is 'CIDR; empty: usable from anywhere';
comment on column identity.account_key.exception is 'why it counts in production without being bound';
