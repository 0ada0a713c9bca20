-- For how long things are kept takes a second person in production: less destroys evidence, more keeps what is about people.

alter table identity.request drop constraint request_kind_check;
alter table identity.request add constraint request_kind_check
    check (kind in ('elevation', 'policy', 'rules', 'account', 'provider', 'capture', 'channel', 'retention'));
