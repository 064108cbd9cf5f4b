-- Swaps as they go on, and what a canary needs of deployments and tasks.

-- The swap that tries the candidate; null while nothing is tried. Calls are shared out by a
-- hash that it is part of.
alter table deployments add column swap text;

-- What a request named to be kept together with others in a canary.
alter table tasks add column affinity text;

-- One row is one swap. It changes in the transaction of the route's change that goes with it,
-- so state and route never disagree, whenever the host dies.
create table swaps (
    tenant      text    not null,
    id          text    not null,
    agent       text    not null,
    from_version text,              -- null for an agent's first
    from_digest text,
    to_version  text    not null,
    to_digest   text    not null,
    principal   text    not null,   -- who asked for it
    epoch       integer,            -- of the route by the swap's last change of it
    number      integer not null,   -- rises with every change of the row
    in_charge   integer not null,   -- whether it may still change the route: at most one of a deployment may
    state       text    not null,   -- json
    policy      text    not null,   -- json
    started_at  integer not null,
    changed_at  integer not null,
    ended_at    integer,            -- null while it goes on
    primary key (tenant, id),
    foreign key (tenant, agent, from_version) references releases (tenant, agent, version),
    foreign key (tenant, agent, to_version) references releases (tenant, agent, version)
) strict;

create unique index swaps_in_charge on swaps (tenant, agent) where in_charge = 1;
create index swaps_by_agent on swaps (tenant, agent, id);
-- What a host takes up again when it starts.
create index swaps_going on swaps (tenant, id) where ended_at is null;
