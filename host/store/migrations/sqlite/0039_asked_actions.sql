-- Approvals that agents ask for, of actions that they show, beside those of tasks before they run.

-- `task` or `action`.
alter table task_approvals add column kind  text not null default 'task';
-- JSON: what the agent shows of an action; null once it is redacted, and for tasks, whose input is theirs.
alter table task_approvals add column shown text;

-- Those of an agent that nobody has decided.
create index task_approvals_open on task_approvals (tenant, agent) where kind = 'action' and status = 'pending';

-- How many approvals the task's agent has asked for, over all its attempts.
alter table tasks add column approvals_asked integer not null default 0;
