-- Providers' secrets stand with the vault: a row says which version counts. One that has ended keeps that reference (five
-- bytes) until the vault has destroyed what it refers to. Tenants may be of a business unit, in whose namespace their keys are.

alter table providers.provider drop constraint provider_check1;
alter table providers.provider add constraint provider_ended_check
    check (deleted_at is null or secret is null or octet_length(secret) = 5);
comment on column providers.provider.secret is
    'which version counts of what the vault holds; until it was moved there, sealed, bound to id, secret_version, kind and base_url';

alter table identity.tenant add column business_unit text check (business_unit ~ '^[a-z0-9][a-z0-9-]{0,47}$');
comment on column identity.tenant.business_unit is
    'as it was asked for when the tenant was made; where its keys are, the vault itself has written down';
