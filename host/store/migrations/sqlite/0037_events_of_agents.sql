-- Events that agents publish, and the tasks that handle events.

-- The position of the event that a task handles. Of such a task, `root` is the task at the top of all that
-- led to the event, where an agent published it, and `hops` is one more than the event has.
alter table tasks add column event integer;

-- The task at the top of those that led to an event.
alter table events add column root text;

create index events_of_root on events (tenant, root) where root is not null;

-- What is handled now, or is tried again.
update tasks set
    event = (select position from deliveries where deliveries.tenant = tasks.tenant and deliveries.task = tasks.id),
    hops = 1
where ended_at is null and exists (
    select 1 from deliveries where deliveries.tenant = tasks.tenant and deliveries.task = tasks.id);
