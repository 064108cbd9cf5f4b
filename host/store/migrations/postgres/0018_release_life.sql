-- The life of a release after its publish: channels that name it, what is said of it, its end.

-- Null while nobody said so.
alter table releases add column deprecated_at bigint;
alter table releases add column deprecation text collate "C";      -- the message
alter table releases add column yanked_at bigint;
alter table releases add column yank_reason text collate "C";
-- A deleted release is a row of its own for good: what ran names it, and its version means
-- those bytes for ever. To every other statement it is absent.
alter table releases add column deleted_at bigint;

-- One row is one channel. A removed one stays, so that it does not fall unseen when it is
-- made again.
create table channels (
    tenant     text collate "C" not null,
    agent      text collate "C" not null,
    channel    text collate "C" not null,
    version    text collate "C" not null,  -- the last one, if it was removed
    digest     text collate "C" not null,
    number     bigint           not null,  -- rises with every change of the row
    principal  text collate "C" not null,  -- who changed it last
    moved_at   bigint           not null,
    removed_at bigint,  -- null while it names its version
    primary key (tenant, agent, channel),
    foreign key (tenant, agent, version) references releases (tenant, agent, version)
);
