-- Tasks that agents ask for, and tasks that are asked for again.

-- Of a task that an agent asked for (`caused_by`): the task at the top, how many are above it, whether it
-- goes on when the one that asked ends, and the key under which that asks for it again.
alter table tasks add column root     text collate "C";
alter table tasks add column hops     bigint not null default 0;
alter table tasks add column outlives bigint not null default 0;
alter table tasks add column ask_key  text collate "C";

-- The tasks that a suspended one waits for, with spaces between.
alter table tasks add column awaits text collate "C";

-- The task that was asked for once more by this one.
alter table tasks add column retry_of text collate "C";

create index tasks_of_root on tasks (tenant, root, id) where root is not null;
create index tasks_caused on tasks (tenant, caused_by, id) where caused_by is not null;
create unique index tasks_asked_by_key on tasks (tenant, caused_by, ask_key) where ask_key is not null;
create index tasks_of_session on tasks (tenant, session, id) where session is not null;

-- Those whose end somebody has asked for, over all tenants.
create index tasks_to_cancel on tasks (tenant, id) where cancel_requested = 1 and ended_at is null;
