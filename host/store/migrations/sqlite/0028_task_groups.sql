-- Groups of tasks that need one another.
create table task_groups (
    tenant          text    not null,
    id              text    not null,
    document        text    not null,  -- JSON: what was asked for
    request         text    not null,  -- the fingerprint of that
    idempotency_key text,
    principal       text    not null,  -- who asked, and asks for its tasks
    status          text    not null,
    state           text    not null,  -- JSON: where each step is, as the runtime has it
    progress        text    not null,  -- JSON: how many of its steps have ended
    failure         text,              -- JSON: what came first of what keeps it from completing
    cancelled_by    text,              -- who asked for its end
    revision        integer not null,  -- rises with each move
    changes         integer not null,  -- how much has happened to it
    looked          integer not null,  -- how much of that its last move has seen
    created_at      integer not null,
    ended_at        integer,
    primary key (tenant, id)
) strict;

create unique index task_groups_by_key on task_groups (tenant, idempotency_key) where idempotency_key is not null;

-- Those that something has happened to which they have not moved by, over all tenants.
create index task_groups_due on task_groups (tenant, id) where looked < changes;

-- Those that a tenant has under way.
create index task_groups_open on task_groups (tenant) where ended_at is null;

-- The tasks of groups: one for each item of a step, and one that undoes it.
create table group_tasks (
    tenant      text    not null,
    group_id    text    not null,
    step        text    not null,
    item        integer not null,
    compensates integer not null,
    task        text    not null,
    ended       integer,           -- the number of its end among those of its group
    primary key (tenant, group_id, step, item, compensates)
) strict;

create index group_tasks_ended on group_tasks (tenant, group_id, ended);

-- JSON: the group that made the task, and as what.
alter table tasks add column member text;
