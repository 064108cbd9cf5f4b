-- Until when a task that was suspended when it was cancelled is taken up once more, so that its agent is told.
alter table tasks add column cancel_until bigint;
