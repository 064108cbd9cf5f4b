-- Suspended tasks: they wait inside, and nobody runs them.

-- When a suspended task is taken up again at the latest; null for every other.
alter table tasks add column wake_at bigint;
-- How long the task may take in all, in milliseconds, from when its attempt begins, suspended
-- or not; null: as long as its attempt may run.
alter table tasks add column lifetime_ms bigint;
-- The lease under which it was suspended last; 0 if it never was. The leases after it are
-- interruptions, all but the first.
alter table tasks add column suspended_lease bigint not null default 0;

-- What is due next, over all tenants.
create index tasks_suspended on tasks (wake_at, tenant, id) where status = 'suspended';
