-- Paths at which events come into the host.
create table hooks (
    tenant     text collate "C" not null,
    name       text collate "C" not null,
    id         text collate "C" not null,  -- the last part of the path
    document   text collate "C" not null,  -- JSON: what was set, and of its secret the generation and a mark
    principal  text collate "C" not null,  -- who set it
    changed_at bigint not null,
    primary key (tenant, name)
);

create unique index hooks_by_id on hooks (id);
