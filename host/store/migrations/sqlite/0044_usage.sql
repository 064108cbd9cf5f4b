-- What a task has used, in all runs of its attempts that have ended.
alter table tasks add column memory_bytes   integer not null default 0;  -- the most of any
alter table tasks add column compute_us     integer not null default 0;
alter table tasks add column host_calls     integer not null default 0;
alter table tasks add column sent_bytes     integer not null default 0;
alter table tasks add column received_bytes integer not null default 0;
