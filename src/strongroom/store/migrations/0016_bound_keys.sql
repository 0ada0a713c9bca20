-- Keys that are bound to a key or a certificate of their holder's: without proof of it they are worth nothing.

alter table identity.key
    add column proof text check (proof in ('dpop', 'mtls')),
    add column thumbprint bytea check (octet_length(thumbprint) = 32),
    add constraint key_bound_whole check ((proof is null) = (thumbprint is null));
comment on column identity.key.thumbprint is 'SHA-256 of what it is bound to: a public key (RFC 7638) or a certificate';
grant select (proof, thumbprint) on identity.key to sr_operator;
