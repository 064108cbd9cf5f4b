-- The audit: what was decided in a tenant, as a chain of hashes.

-- One row is one decision. It is never changed and never removed, not when journals are
-- dropped or redacted either. `host/core/src/audit.rs` says what is hashed, and how.
create table audit (
    tenant    text    not null,
    seq       integer not null,
    at        integer not null,
    kind      text    not null,
    code      text,
    principal text,               -- null if the host decided by itself
    agent     text,
    version   text,               -- of the release
    digest    text,               -- of the release
    task      text,
    attempt   integer,
    times     integer not null,   -- within the invocation
    details   text    not null,   -- json, names in order
    journal   blob,               -- the digest of the invocation's journal, 32 bytes
    previous  blob    not null,   -- the hash of the row before, 32 bytes
    hash      blob    not null,   -- of all the other columns, 32 bytes
    primary key (tenant, seq)
) strict, without rowid;

create index audit_by_kind on audit (tenant, kind, seq);
create index audit_by_agent on audit (tenant, agent, seq) where agent is not null;
create index audit_by_task on audit (tenant, task, seq) where task is not null;

-- The newest row of each tenant's chain. It moves in the transaction of what was decided.
create table audit_heads (
    tenant text    not null,
    seq    integer not null,
    hash   blob    not null,
    primary key (tenant)
) strict, without rowid;
