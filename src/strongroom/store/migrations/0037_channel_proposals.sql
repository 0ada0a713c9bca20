-- Promoting to prod and going back wait for a second person in production, as accounts and providers do.

alter table identity.request drop constraint request_kind_check;
alter table identity.request add constraint request_kind_check
    check (kind in ('elevation', 'policy', 'rules', 'account', 'provider', 'capture', 'channel'));
