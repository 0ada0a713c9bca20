-- What needs the word of two others: requests, who said what of them, and the elevations that come of some.
--
-- All of it is the installation's: operators and approvers alone read and write it. `about` names a tenant and is no key of
-- its rows, so that a request outlives what it was about.

create table identity.request (
    id           uuid        not null,
    kind         text        not null check (kind in ('elevation', 'policy', 'rules')),
    digest       text        not null check (digest ~ '^sha256:[0-9a-f]{64}$'),
    subject      jsonb       not null check (octet_length(subject::text) <= 262144),
    about        uuid,
    person       text        not null,
    material     text        not null,
    requester    text        not null,
    ticket       text        not null check (length(ticket) <= 100),
    reason       text        not null check (length(reason) between 1 and 500),
    needed       integer     not null check (needed between 0 and 5),
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    denied_at    timestamptz,
    approved_at  timestamptz,
    used_at      timestamptz,
    withdrawn_at timestamptz,
    primary key (id),
    check (expires_at > created_at)
);
create index request_created on identity.request (created_at desc);
comment on table identity.request is 'what was asked for, bound to the digest of exactly that; for operators only';
grant select, insert, update (denied_at, approved_at, used_at, withdrawn_at) on identity.request to sr_operator;

-- One vote a person, and one a credential's material: a key under two names is one key.
create table identity.vote (
    request_id uuid        not null references identity.request (id),
    person     text        not null,
    material   text        not null,
    voter      text        not null,
    verdict    text        not null check (verdict in ('approve', 'deny')),
    reason     text        not null check (length(reason) <= 500),
    digest     text        not null check (digest ~ '^sha256:[0-9a-f]{64}$'),
    at         timestamptz not null,
    primary key (request_id, person)
);
create unique index vote_material on identity.vote (request_id, material);
comment on table identity.vote is 'who approved or denied a request, with the reason; never changed; for operators only';
grant select, insert on identity.vote to sr_operator;

create table identity.elevation (
    request_id     uuid        not null references identity.request (id),
    break_glass    boolean     not null,
    key_id         text        references identity.account_key (id),
    begun_at       timestamptz,
    ends_at        timestamptz,
    ended_at       timestamptz,
    ended_reason   text,
    review_due_at  timestamptz,
    reviewed_at    timestamptz,
    reviewer       text,
    review         text        check (length(review) <= 2000),
    primary key (request_id),
    check ((begun_at is null) = (key_id is null)),
    check ((reviewed_at is null) = (review is null)),
    check (break_glass = (review_due_at is not null))
);
comment on table identity.elevation is 'power for some minutes over one tenant: when it began and ended, and its review; for operators only';
grant select, insert, update (key_id, begun_at, ends_at, ended_at, ended_reason, reviewed_at, reviewer, review)
    on identity.elevation to sr_operator;

create table identity.notice (
    id           uuid        not null,
    body         jsonb       not null,
    created_at   timestamptz not null,
    delivered_at timestamptz,
    primary key (id)
);
comment on table identity.notice is 'what somebody is to be paged with, until it was delivered; for operators only';
grant select, insert, update (delivered_at) on identity.notice to sr_operator;
