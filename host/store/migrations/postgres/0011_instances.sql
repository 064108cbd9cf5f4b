-- Instances of agents, each with a key space of its own.

-- One row is one instance. It is never removed, so that what a task names can be told.
create table instances (
    tenant     text collate "C" not null,
    id         text collate "C" not null,
    agent      text collate "C" not null,
    name       text collate "C",  -- null if nobody named it
    principal  text collate "C" not null,  -- who started it
    created_at bigint           not null,
    stopped_at bigint,  -- null while it takes tasks
    cleared_at bigint,  -- null while its keys are there
    primary key (tenant, id)
);

-- A name belongs to one instance of an agent at a time.
create unique index instances_by_name on instances (tenant, agent, name)
    where name is not null and stopped_at is null;
create index instances_by_agent on instances (tenant, agent, id);
create index instances_live on instances (tenant, id) where stopped_at is null;
-- What the host itself looks for, over all tenants.
create index instances_stopping on instances (stopped_at) where stopped_at is not null and cleared_at is null;

-- The instance that a task is for; null for most.
alter table tasks add column instance text collate "C";

-- What is under way of an instance, and its tasks as people page through them.
create index tasks_by_instance_status on tasks (tenant, instance, status) where instance is not null;
create index tasks_by_instance on tasks (tenant, instance, id) where instance is not null;

-- The key spaces, made anew with whose they are in their key: empty for the deployment, else
-- the id of an instance.
create table state_of_spaces (
    tenant     text collate "C" not null,
    agent      text collate "C" not null,
    instance   text collate "C" not null,
    generation bigint           not null,
    key        bytea            not null,
    value      bytea            not null,
    revision   bigint           not null,
    epoch      bigint           not null,
    updated_at bigint           not null,
    expires_at bigint,
    primary key (tenant, agent, instance, generation, key)
);

drop table state;
alter table state_of_spaces rename to state;

create index state_expiring on state (expires_at) where expires_at is not null;
create index state_ending on state (tenant, agent, instance, generation, expires_at)
    where expires_at is not null;

create table state_usage_of_spaces (
    tenant     text collate "C" not null,
    agent      text collate "C" not null,
    instance   text collate "C" not null,
    generation bigint           not null,
    keys       bigint           not null,
    bytes      bigint           not null,
    revision   bigint           not null,
    primary key (tenant, agent, instance, generation)
);

drop table state_usage;
alter table state_usage_of_spaces rename to state_usage;
