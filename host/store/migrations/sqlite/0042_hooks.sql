-- Paths at which events come into the host.
create table hooks (
    tenant     text not null,
    name       text not null,
    id         text not null,  -- the last part of the path
    document   text not null,  -- JSON: what was set, and of its secret the generation and a mark
    principal  text not null,  -- who set it
    changed_at integer not null,
    primary key (tenant, name)
) strict;

create unique index hooks_by_id on hooks (id);
