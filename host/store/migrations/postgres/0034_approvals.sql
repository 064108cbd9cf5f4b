-- Approvals of tasks, and which tasks need one.

-- Every policy that a tenant has set and that is kept; the newest is in force.
create table approval_policies (
    tenant     text collate "C" not null,
    revision   bigint           not null,
    document   text collate "C" not null,  -- JSON
    principal  text collate "C" not null,  -- who set it
    changed_at bigint           not null,
    primary key (tenant, revision)
);

create table task_approvals (
    tenant     text collate "C" not null,
    id         text collate "C" not null,
    task       text collate "C" not null,
    agent      text collate "C" not null,
    status     text collate "C" not null,
    revision   bigint           not null,  -- rises with all that happens to it
    document   text collate "C" not null,  -- JSON: what is asked, its levels, what was said; not the task's input
    due_at     bigint,                     -- when something happens to it by itself; null if nothing does
    created_at bigint           not null,
    ended_at   bigint,
    primary key (tenant, id)
);

create index task_approvals_by_status on task_approvals (tenant, status, id);
create index task_approvals_by_task on task_approvals (tenant, task, id);
-- What is due next, over all tenants.
create index task_approvals_due on task_approvals (due_at, tenant, id) where due_at is not null;

-- The newest approval that was asked for it; null if it needs none.
alter table tasks add column approval text collate "C";
