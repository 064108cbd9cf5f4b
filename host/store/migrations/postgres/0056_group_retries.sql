-- The group whose document this one asks for once more.
alter table task_groups add column retry_of text collate "C";
