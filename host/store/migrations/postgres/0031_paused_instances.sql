-- When an instance was paused; null: it is not. Its tasks that have not begun stay pending.
alter table instances add column paused_at bigint;
