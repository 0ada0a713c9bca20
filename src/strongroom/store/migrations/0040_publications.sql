-- Heads of the anchor that were put where the machine's owner cannot take them back: in a file, by a timestamp authority.

create table audit.publication (
    number    bigint      not null references audit.anchor (number),
    epoch     integer     not null check (epoch > 0),
    size      bigint      not null check (size > 0),
    note      text        not null check (octet_length(note) <= 8192),
    filed     boolean     not null default false,
    timestamp bytea       check (octet_length(timestamp) between 1 and 65536),
    at        timestamptz not null default now(),
    primary key (number)
);
comment on table audit.publication is 'signed heads of the anchor that stand in the anchor file, or have a timestamp of an authority (RFC 3161)';
grant select on audit.publication to sr_control, sr_operator, sr_keeper;
grant insert on audit.publication to sr_keeper;
grant update (filed, timestamp) on audit.publication to sr_keeper;

create function audit.best_publication() returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
    select p.number from (select * from audit.publication order by number desc limit 50) p
    order by p.filed::int + (p.timestamp is not null)::int desc, p.number desc limit 1
$$;
comment on function audit.best_publication is 'of the newest heads that were put outside the one that was in the most ways; leaves of its epoch are kept';
revoke execute on function audit.best_publication from public;
grant execute on function audit.best_publication to sr_control, sr_operator, sr_keeper;
