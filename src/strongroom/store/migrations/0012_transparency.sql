-- The transparency logs: the keeper puts every entry in its place in a log, and keeps the trees over them.
--
-- A log is a tenant's, the installation's (tenant_id zero) or the anchor (all ones). A log that begins anew does so as a new
-- epoch, with a name of its own. An entry is sealed once: then it has an epoch, a number and the bytes that are hashed, and
-- nobody who serves can change it any more, the keeper included.

grant usage on schema audit, gateway, store to sr_keeper;
grant select on store.migration to sr_keeper;

create table audit.log (
    tenant_id   uuid        not null,
    epoch       integer     not null check (epoch > 0),
    origin      text        not null check (origin ~ '^[a-z0-9./-]{1,200}$'),
    blind       bytea       not null check (octet_length(blind) = 32),
    size        bigint      not null default 0 check (size >= 0),
    root        bytea       not null check (octet_length(root) = 32),
    signed_size bigint      not null default 0 check (signed_size >= 0),
    note        text,
    signed_at   timestamptz,
    begun_at    timestamptz not null default now(),
    ended_at    timestamptz,
    primary key (tenant_id, epoch)
);
comment on table audit.log is 'each log by epoch: its name, how many entries it has, its root, and the newest head that the notary signed';

create table audit.tile (
    tenant_id uuid     not null,
    epoch     integer  not null,
    level     smallint not null check (level between 0 and 7),
    number    bigint   not null check (number >= 0),
    hashes    bytea    not null check (octet_length(hashes) between 32 and 8192 and octet_length(hashes) % 32 = 0),
    primary key (tenant_id, epoch, level, number)
);
alter table audit.tile alter column hashes set storage external; -- hashes do not compress
comment on table audit.tile is 'the hashes of each log, in tiles of up to 256 (C2SP tlog-tiles)';

create table audit.checkpoint (
    tenant_id uuid   not null,
    epoch     integer not null,
    size      bigint not null check (size >= 0),
    note      text   not null check (octet_length(note) <= 4096),
    anchor    bigint not null check (anchor >= 0),
    primary key (tenant_id, epoch, size)
);
comment on table audit.checkpoint is 'heads of each log that an epoch of the anchor commits to';

create table audit.anchor (
    number bigint      not null check (number >= 0),
    epoch  integer     not null check (epoch > 0),
    seq    bigint      not null check (seq >= 0),
    at     timestamptz not null default now(),
    record bytea       not null check (octet_length(record) <= 4096),
    leaves bytea       not null,
    primary key (number)
);
alter table audit.anchor alter column leaves set storage external;
comment on table audit.anchor is 'the entries of the anchor log, each with the leaves that it commits to: noise to all but whose they are';

create table audit.pulse (
    single   boolean     not null default true check (single),
    base     text        not null default '' check (base ~ '^[a-z0-9./-]{0,100}$'),
    vkey     text        not null default '' check (octet_length(vkey) <= 512),
    sound_at timestamptz not null default '-infinity',
    trouble  text        not null default '' check (trouble in ('', 'notary', 'forked', 'contended', 'fault')),
    said     text        not null default '' check (octet_length(said) <= 1024),
    forked_at timestamptz,
    holder   uuid,
    beat_at  timestamptz,
    primary key (single)
);
insert into audit.pulse default values;
comment on table audit.pulse is 'one row: until when everything that was written is sealed and signed, and what stands in the way';
grant select on audit.pulse to sr_control, sr_operator, sr_keeper;
grant update (base, vkey, sound_at, trouble, said, forked_at, holder, beat_at) on audit.pulse to sr_keeper;

alter table audit.log enable row level security;
alter table audit.log force row level security;
alter table audit.tile enable row level security;
alter table audit.tile force row level security;
alter table audit.checkpoint enable row level security;
alter table audit.checkpoint force row level security;

create policy own_tenant_read on audit.log for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy own_tenant_read on audit.tile for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
create policy own_tenant_read on audit.checkpoint for select to sr_control
    using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
-- The anchor is for everybody: it tells nobody anything of a log that is not its own.
create policy anchor_read on audit.log for select to sr_control using (tenant_id = 'ffffffff-ffff-ffff-ffff-ffffffffffff');
create policy anchor_read on audit.tile for select to sr_control using (tenant_id = 'ffffffff-ffff-ffff-ffff-ffffffffffff');
create policy operator_read on audit.log for select to sr_operator using (true);
create policy operator_read on audit.tile for select to sr_operator using (true);
create policy operator_read on audit.checkpoint for select to sr_operator using (true);
create policy keeper_all on audit.log to sr_keeper using (true) with check (true);
create policy keeper_all on audit.tile to sr_keeper using (true) with check (true);
create policy keeper_all on audit.checkpoint to sr_keeper using (true) with check (true);
grant select on audit.log, audit.tile, audit.checkpoint, audit.anchor to sr_control, sr_operator, sr_keeper;
grant insert on audit.log, audit.tile, audit.checkpoint, audit.anchor to sr_keeper;
grant update (size, root, signed_size, note, signed_at, ended_at) on audit.log to sr_keeper;
grant update (hashes) on audit.tile to sr_keeper;
grant update (leaves) on audit.anchor to sr_keeper; -- those of old epochs are let go of

-- The entries themselves: an outbox until they are sealed, then the log's leaves.
alter table audit.entry
    add column epoch integer,
    add column seq   bigint,
    add column event bytea check (octet_length(event) <= 65535),
    add constraint entry_sealed check (
        (sealed_at is null) = (seq is null) and (seq is null) = (epoch is null) and (seq is null) = (event is null));
create unique index entry_seq on audit.entry (tenant_id, epoch, seq) where seq is not null;
create index entry_unsealed on audit.entry (at, id) where sealed_at is null;
alter table audit.platform_entry
    add column epoch integer,
    add column seq   bigint,
    add column event bytea check (octet_length(event) <= 65535),
    add constraint entry_sealed check (
        (sealed_at is null) = (seq is null) and (seq is null) = (epoch is null) and (seq is null) = (event is null));
create unique index platform_entry_seq on audit.platform_entry (epoch, seq) where seq is not null;
create index platform_entry_unsealed on audit.platform_entry (at, id) where sealed_at is null;

create policy keeper_read on audit.entry for select to sr_keeper using (true);
create policy keeper_read on audit.platform_entry for select to sr_keeper using (true);
create policy keeper_seal on audit.entry for update to sr_keeper
    using (sealed_at is null) with check (sealed_at is not null);
create policy keeper_seal on audit.platform_entry for update to sr_keeper
    using (sealed_at is null) with check (sealed_at is not null);
-- What a log that has ended had sealed and never signed is proven by nothing: it goes into the epoch that follows.
create policy keeper_reseal on audit.entry for update to sr_keeper
    using (seq >= (select l.signed_size from audit.log l
                   where l.tenant_id = entry.tenant_id and l.epoch = entry.epoch and l.ended_at is not null))
    with check (sealed_at is null);
create policy keeper_reseal on audit.platform_entry for update to sr_keeper
    using (seq >= (select l.signed_size from audit.log l
                   where l.tenant_id = '00000000-0000-0000-0000-000000000000' and l.epoch = platform_entry.epoch
                     and l.ended_at is not null))
    with check (sealed_at is null);
create policy keeper_append on audit.entry for insert to sr_keeper with check (action like 'log.%');
create policy keeper_append on audit.platform_entry for insert to sr_keeper with check (action like 'log.%');
grant select, insert, update (epoch, seq, event, sealed_at) on audit.entry, audit.platform_entry to sr_keeper;
