-- Tasks that are put off or tried again: pending, with the time at which they are queued.

-- How a task is tried again, JSON; null: not at all.
alter table tasks add column retry text collate "C";
-- How many of its tries failed and were followed by another.
alter table tasks add column retries bigint not null default 0;

-- What is due next, over all tenants: suspended, put off, or to be tried again.
drop index tasks_suspended;
create index tasks_timed on tasks (wake_at, tenant, id) where wake_at is not null;
