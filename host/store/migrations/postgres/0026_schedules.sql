-- Tasks that are made again and again, at the times that a pattern of cron names.
create table schedules (
    tenant       text collate "C" not null,
    name         text collate "C" not null,
    agent        text collate "C" not null,
    document     text collate "C" not null,  -- JSON: the pattern, its time zone, the task
    principal    text collate "C" not null,  -- who set it, and asks for its tasks
    changed_at   bigint           not null,
    revision     bigint           not null,  -- rises with every change by somebody
    next_at      bigint,  -- null while it is paused
    last_at      bigint,
    last_task    text collate "C",
    last_failure text collate "C",  -- JSON: why it made none when it was last its time
    primary key (tenant, name)
);

-- What is due next, over all tenants.
create index schedules_due on schedules (next_at, tenant, name) where next_at is not null;
