-- How an instance lives: whether it waits for its first good check, why it is in error and when the host
-- restarts it, how many failures in a row there were, and when its health is checked next.
alter table instances add column starting        integer not null default 0;
alter table instances add column error_at        integer;
alter table instances add column error_by        text;  -- health or traps
alter table instances add column error_code      text;
alter table instances add column error_message   text;
alter table instances add column restart_at      integer;  -- null if a person has to
alter table instances add column traps           integer not null default 0;
alter table instances add column health_failures integer not null default 0;
alter table instances add column check_at        integer;  -- null if it is not checked
alter table instances add column checked_at      integer;
alter table instances add column restarts        text not null default '[]';  -- when the host has restarted it

create index instances_to_check on instances (check_at)
    where check_at is not null and stopped_at is null and paused_at is null and error_at is null;
create index instances_to_restart on instances (restart_at) where restart_at is not null;

-- Since when a tenant's runtime begins no tasks; null while it does.
alter table tenants add column stopped_at integer;
