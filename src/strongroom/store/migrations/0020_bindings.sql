-- Where, by what, when and for what a key may be used.

alter table identity.key add column bindings jsonb check (octet_length(bindings::text) <= 16384);
comment on column identity.key.bindings is 'each takes away from what the role allows; null: nothing is bound';
grant update (bindings) on identity.key to sr_control;
grant select (bindings) on identity.key to sr_operator;
