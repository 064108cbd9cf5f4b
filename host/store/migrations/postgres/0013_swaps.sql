-- Swaps as they go on, and what a canary needs of deployments and tasks.

-- The swap that tries the candidate; null while nothing is tried. Calls are shared out by a
-- hash that it is part of.
alter table deployments add column swap text collate "C";

-- What a request named to be kept together with others in a canary.
alter table tasks add column affinity text collate "C";

-- One row is one swap. It changes in the transaction of the route's change that goes with it,
-- so state and route never disagree, whenever the host dies.
create table swaps (
    tenant      text collate "C" not null,
    id          text collate "C" not null,
    agent       text collate "C" not null,
    from_version text collate "C",              -- null for an agent's first
    from_digest text collate "C",
    to_version  text collate "C" not null,
    to_digest   text collate "C" not null,
    principal   text collate "C" not null,  -- who asked for it
    epoch       bigint,  -- of the route by the swap's last change of it
    number      bigint           not null,  -- rises with every change of the row
    in_charge   bigint           not null,  -- whether it may still change the route: at most one of a deployment may
    state       text collate "C" not null,  -- json
    policy      text collate "C" not null,  -- json
    started_at  bigint           not null,
    changed_at  bigint           not null,
    ended_at    bigint,  -- null while it goes on
    primary key (tenant, id),
    foreign key (tenant, agent, from_version) references releases (tenant, agent, version),
    foreign key (tenant, agent, to_version) references releases (tenant, agent, version)
);

create unique index swaps_in_charge on swaps (tenant, agent) where in_charge = 1;
create index swaps_by_agent on swaps (tenant, agent, id);
-- What a host takes up again when it starts.
create index swaps_going on swaps (tenant, id) where ended_at is null;
