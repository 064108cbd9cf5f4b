-- One row is the newest document of a channel that this host has seen in its registry. It is
-- remembered for good, also when the channel is removed, so that an older one is seen to be older.
create table channel_documents (
    tenant      text    not null,
    agent       text    not null,
    channel     text    not null,
    number      integer not null,  -- never falls
    document    text    not null,  -- the digest of the document: one number is one document
    version     text    not null,  -- what it names; the release may not be here
    digest      text    not null,
    expires_at  integer not null,
    is_followed integer not null,  -- 1 once the channel was moved by it
    seen_at     integer not null,
    primary key (tenant, agent, channel)
) strict, without rowid;
