-- Approvals of tasks, and which tasks need one.

-- Every policy that a tenant has set and that is kept; the newest is in force.
create table approval_policies (
    tenant     text    not null,
    revision   integer not null,
    document   text    not null,  -- JSON
    principal  text    not null,  -- who set it
    changed_at integer not null,
    primary key (tenant, revision)
) strict;

create table task_approvals (
    tenant     text    not null,
    id         text    not null,
    task       text    not null,
    agent      text    not null,
    status     text    not null,
    revision   integer not null,  -- rises with all that happens to it
    document   text    not null,  -- JSON: what is asked, its levels, what was said; not the task's input
    due_at     integer,           -- when something happens to it by itself; null if nothing does
    created_at integer not null,
    ended_at   integer,
    primary key (tenant, id)
) strict;

create index task_approvals_by_status on task_approvals (tenant, status, id);
create index task_approvals_by_task on task_approvals (tenant, task, id);
-- What is due next, over all tenants.
create index task_approvals_due on task_approvals (due_at, tenant, id) where due_at is not null;

-- The newest approval that was asked for it; null if it needs none.
alter table tasks add column approval text;
