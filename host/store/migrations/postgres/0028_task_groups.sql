-- Groups of tasks that need one another.
create table task_groups (
    tenant          text collate "C" not null,
    id              text collate "C" not null,
    document        text collate "C" not null,  -- JSON: what was asked for
    request         text collate "C" not null,  -- the fingerprint of that
    idempotency_key text collate "C",
    principal       text collate "C" not null,  -- who asked, and asks for its tasks
    status          text collate "C" not null,
    state           text collate "C" not null,  -- JSON: where each step is, as the runtime has it
    progress        text collate "C" not null,  -- JSON: how many of its steps have ended
    failure         text collate "C",  -- JSON: what came first of what keeps it from completing
    cancelled_by    text collate "C",  -- who asked for its end
    revision        bigint           not null,  -- rises with each move
    changes         bigint           not null,  -- how much has happened to it
    looked          bigint           not null,  -- how much of that its last move has seen
    created_at      bigint           not null,
    ended_at        bigint,
    primary key (tenant, id)
);

create unique index task_groups_by_key on task_groups (tenant, idempotency_key) where idempotency_key is not null;

-- Those that something has happened to which they have not moved by, over all tenants.
create index task_groups_due on task_groups (tenant, id) where looked < changes;

-- Those that a tenant has under way.
create index task_groups_open on task_groups (tenant) where ended_at is null;

-- The tasks of groups: one for each item of a step, and one that undoes it.
create table group_tasks (
    tenant      text collate "C" not null,
    group_id    text collate "C" not null,
    step        text collate "C" not null,
    item        bigint           not null,
    compensates bigint           not null,
    task        text collate "C" not null,
    ended       bigint,  -- the number of its end among those of its group
    primary key (tenant, group_id, step, item, compensates)
);

create index group_tasks_ended on group_tasks (tenant, group_id, ended);

-- JSON: the group that made the task, and as what.
alter table tasks add column member text collate "C";
