-- Exclusive locks on names that the agents of a tenant agree on, and those who wait for them.

-- The newest number given to a lock or to a place in a queue; it only rises.
create table lock_numbers (
    tenant text collate "C" not null primary key,
    last   bigint           not null
);

-- Names of locks that were given, each with its newest token, whether or not somebody holds it.
create table locks (
    tenant      text collate "C" not null,
    name        text collate "C" not null,
    token       bigint           not null,  -- the newest that was given
    task        text collate "C",  -- who holds it; null, as the next five: nobody
    agent       text collate "C",
    priority    bigint,  -- 0 low to 3 critical
    lease_ms    bigint,  -- for how long it was given
    since       bigint,
    until       bigint,
    lost_token  bigint,  -- the last holder that lost it against its will, and why
    lost_reason text collate "C",
    primary key (tenant, name)
);

-- What a task holds, and what is held at all.
create index locks_held on locks (tenant, task) where task is not null;
-- Whose lease is over next, over all tenants.
create index locks_ending on locks (until) where until is not null;
-- What can be forgotten, the oldest first.
create index locks_free on locks (tenant, token) where task is null;

-- Those who wait, or have not taken yet what they were given.
create table lock_waits (
    tenant   text collate "C" not null,
    task     text collate "C" not null,
    number   bigint           not null,  -- of the call that asked, in the task's attempt
    name     text collate "C" not null,
    agent    text collate "C" not null,
    priority bigint           not null,
    lease_ms bigint           not null,
    place    bigint           not null,  -- lower came first
    since    bigint           not null,
    until    bigint,  -- when it stops to wait; null: with its task
    settled  text collate "C",  -- null while it waits; `given` or `timed-out`
    token    bigint,  -- what it was given
    primary key (tenant, task, number)
);

-- The queue of a lock.
create index lock_queue on lock_waits (tenant, name, priority desc, place) where settled is null;
-- Who stops to wait next, over all tenants.
create index lock_waits_ending on lock_waits (until) where until is not null and settled is null;
