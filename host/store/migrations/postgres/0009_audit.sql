-- The audit: what was decided in a tenant, as a chain of hashes.

-- One row is one decision. It is never changed and never removed, not when journals are
-- dropped or redacted either. `host/core/src/audit.rs` says what is hashed, and how.
create table audit (
    tenant    text collate "C" not null,
    seq       bigint           not null,
    at        bigint           not null,
    kind      text collate "C" not null,
    code      text collate "C",
    principal text collate "C",  -- null if the host decided by itself
    agent     text collate "C",
    version   text collate "C",  -- of the release
    digest    text collate "C",  -- of the release
    task      text collate "C",
    attempt   bigint,
    times     bigint           not null,  -- within the invocation
    details   text collate "C" not null,  -- json, names in order
    journal   bytea,  -- the digest of the invocation's journal, 32 bytes
    previous  bytea            not null,  -- the hash of the row before, 32 bytes
    hash      bytea            not null,  -- of all the other columns, 32 bytes
    primary key (tenant, seq)
);

create index audit_by_kind on audit (tenant, kind, seq);
create index audit_by_agent on audit (tenant, agent, seq) where agent is not null;
create index audit_by_task on audit (tenant, task, seq) where task is not null;

-- The newest row of each tenant's chain. It moves in the transaction of what was decided.
create table audit_heads (
    tenant text collate "C" not null,
    seq    bigint           not null,
    hash   bytea            not null,
    primary key (tenant)
);
