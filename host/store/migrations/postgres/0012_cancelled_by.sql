-- Who asked for a task's end, so that the audit can say it, whoever runs the task by then.

-- `owner` or `key/ID`, the first who asked; null while nobody has.
alter table tasks add column cancelled_by text collate "C";
