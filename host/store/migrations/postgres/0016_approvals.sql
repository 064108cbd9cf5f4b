-- What of a release somebody has to approve of before it may serve, and what was decided.

-- One row is one release over one difference from what serves; `registry/package/src/compare.rs`
-- says what the difference is a digest of. Its first columns never change.
create table approvals (
    tenant       text collate "C" not null,
    id           text collate "C" not null,
    agent        text collate "C" not null,
    version      text collate "C" not null,
    digest       text collate "C" not null,  -- of the release
    base_version text collate "C",  -- what served when it was first asked for; null if nothing did
    base_digest  text collate "C",
    delta        text collate "C" not null,  -- digest of what is to be approved
    status       text collate "C" not null check (status in ('pending', 'approved', 'rejected', 'superseded')),
    breaking     bigint           not null default 0,  -- whether a broken contract is approved of, too
    principal    text collate "C",  -- who decided
    reason       text collate "C",
    created_at   bigint           not null,
    decided_at   bigint,
    primary key (tenant, id)
);

-- Of one release over one difference one row counts.
create unique index approvals_in_force on approvals (tenant, agent, version, digest, delta)
    where status <> 'superseded';
-- Of one release one difference waits, or the release is rejected.
create unique index approvals_open on approvals (tenant, agent, version)
    where status in ('pending', 'rejected');
create index approvals_by_status on approvals (tenant, status, id);
