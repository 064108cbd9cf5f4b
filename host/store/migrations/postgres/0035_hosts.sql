-- The hosts that work on this database, and how far each has come with what others change.

-- A row for each process. Times are the database's own. Who has no row here any more writes nothing more:
-- every batch of writes looks for its own.
create table hosts (
    owner      text collate "C" not null,  -- a random name for each start of a process, as in leases
    home       text collate "C" not null,  -- the data directory that it holds
    address    text collate "C" not null,  -- where other hosts reach it
    secret     text collate "C" not null,  -- what others show it to be given blobs
    signs_with text collate "C" not null,  -- the key that tenants trust which have said nothing
    version    text collate "C" not null,
    started_at bigint           not null,
    until      bigint           not null,  -- from then on others take over from it
    primary key (owner)
);

-- What of a deployment is in force at a host. Whoever retires a release, or brings state to another form,
-- waits until every host has come as far.
create table host_routes (
    owner    text collate "C" not null,
    tenant   text collate "C" not null,
    agent    text collate "C" not null,
    epoch    bigint           not null,  -- of the route in force there
    busy     bigint           not null,  -- whether anything of the agent runs there
    held     bigint           not null,  -- whether new work is held back there
    draining text collate "C" not null,  -- digests of the releases of earlier routes on which something runs there
    primary key (owner, tenant, agent)
);

-- Which host drives it; null if none has taken it up yet.
alter table swaps add column driver text collate "C";
