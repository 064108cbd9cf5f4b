-- When the first attempt of a task began that was begun anew since.
alter table tasks add column first_started_at integer;
