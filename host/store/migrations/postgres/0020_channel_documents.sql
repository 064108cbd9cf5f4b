-- One row is the newest document of a channel that this host has seen in its registry. It is
-- remembered for good, also when the channel is removed, so that an older one is seen to be older.
create table channel_documents (
    tenant      text collate "C" not null,
    agent       text collate "C" not null,
    channel     text collate "C" not null,
    number      bigint           not null,  -- never falls
    document    text collate "C" not null,  -- the digest of the document: one number is one document
    version     text collate "C" not null,  -- what it names; the release may not be here
    digest      text collate "C" not null,
    expires_at  bigint           not null,
    is_followed bigint           not null,  -- 1 once the channel was moved by it
    seen_at     bigint           not null,
    primary key (tenant, agent, channel)
);
