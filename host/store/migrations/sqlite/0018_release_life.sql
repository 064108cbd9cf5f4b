-- The life of a release after its publish: channels that name it, what is said of it, its end.

-- Null while nobody said so.
alter table releases add column deprecated_at integer;
alter table releases add column deprecation text;      -- the message
alter table releases add column yanked_at integer;
alter table releases add column yank_reason text;
-- A deleted release is a row of its own for good: what ran names it, and its version means
-- those bytes for ever. To every other statement it is absent.
alter table releases add column deleted_at integer;

-- One row is one channel. A removed one stays, so that it does not fall unseen when it is
-- made again.
create table channels (
    tenant     text    not null,
    agent      text    not null,
    channel    text    not null,
    version    text    not null,  -- the last one, if it was removed
    digest     text    not null,
    number     integer not null,  -- rises with every change of the row
    principal  text    not null,  -- who changed it last
    moved_at   integer not null,
    removed_at integer,           -- null while it names its version
    primary key (tenant, agent, channel),
    foreign key (tenant, agent, version) references releases (tenant, agent, version)
) strict, without rowid;
