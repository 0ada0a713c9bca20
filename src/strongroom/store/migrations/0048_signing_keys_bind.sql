-- A key may be bound to a key that its workload signs requests with (RFC 9421), too.

alter table identity.key drop constraint key_proof_check;
alter table identity.key add constraint key_proof_check check (proof in ('dpop', 'mtls', 'signature'));
comment on column identity.key.thumbprint is
    'SHA-256 of what it is bound to: a public key (RFC 7638), a certificate, or a signer (its SubjectPublicKeyInfo)';
