-- Tasks that are made again and again, at the times that a pattern of cron names.
create table schedules (
    tenant       text    not null,
    name         text    not null,
    agent        text    not null,
    document     text    not null,  -- JSON: the pattern, its time zone, the task
    principal    text    not null,  -- who set it, and asks for its tasks
    changed_at   integer not null,
    revision     integer not null,  -- rises with every change by somebody
    next_at      integer,           -- null while it is paused
    last_at      integer,
    last_task    text,
    last_failure text,              -- JSON: why it made none when it was last its time
    primary key (tenant, name)
) strict;

-- What is due next, over all tenants.
create index schedules_due on schedules (next_at, tenant, name) where next_at is not null;
