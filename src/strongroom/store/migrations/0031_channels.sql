-- What may serve where: TUF metadata of a channel for each environment, and one for what is revoked. Nothing here is believed
-- because it is here: signatures, versions and ends are verified whenever it is read.

create table registry.channel (
    channel    text        not null primary key check (channel in ('dev', 'test', 'prod', 'revocations')),
    stamp      bytea       not null check (octet_length(stamp) between 1 and 65536),
    renewed_at timestamptz not null
);
comment on table registry.channel is 'the newest timestamp of each channel, signed anew while the channel stands; of the installation, not of a tenant';
grant select on registry.channel to sr_control;
grant select, insert, update (stamp, renewed_at) on registry.channel to sr_operator;

create table registry.channel_metadata (
    channel text        not null check (channel in ('dev', 'test', 'prod', 'revocations')),
    role    text        not null check (role in ('root', 'snapshot', 'targets')),
    version bigint      not null check (version > 0),
    body    bytea       not null check (octet_length(body) between 1 and 16777216),
    made_at timestamptz not null,
    primary key (channel, role, version)
);
comment on table registry.channel_metadata is 'every version of what a channel said, signed; added, never changed; of the installation, not of a tenant';
grant select on registry.channel_metadata to sr_control;
grant select, insert on registry.channel_metadata to sr_operator;

-- Going back moves deployments to the older release; a deployment's place and name stay.
grant update (release_digest) on registry.deployment to sr_control;
