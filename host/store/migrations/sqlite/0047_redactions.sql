-- Groups and events whose contents somebody had forgotten: when, who, and whether their tasks are yet to follow.
alter table task_groups add column redacted_at integer;
alter table task_groups add column redacted_by text;
alter table task_groups add column redacting   integer not null default 0;
alter table events add column redacted_at integer;
alter table events add column redacted_by text;
alter table events add column redacting   integer not null default 0;

create index task_groups_redacting on task_groups (tenant, id) where redacting = 1;
create index events_redacting on events (tenant, position) where redacting = 1;
create index tasks_of_event on tasks (tenant, event, id) where event is not null;
