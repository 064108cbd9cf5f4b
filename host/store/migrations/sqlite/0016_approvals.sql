-- What of a release somebody has to approve of before it may serve, and what was decided.

-- One row is one release over one difference from what serves; `registry/package/src/compare.rs`
-- says what the difference is a digest of. Its first columns never change.
create table approvals (
    tenant       text    not null,
    id           text    not null,
    agent        text    not null,
    version      text    not null,
    digest       text    not null,  -- of the release
    base_version text,              -- what served when it was first asked for; null if nothing did
    base_digest  text,
    delta        text    not null,  -- digest of what is to be approved
    status       text    not null check (status in ('pending', 'approved', 'rejected', 'superseded')),
    breaking     integer not null default 0,  -- whether a broken contract is approved of, too
    principal    text,              -- who decided
    reason       text,
    created_at   integer not null,
    decided_at   integer,
    primary key (tenant, id)
) strict;

-- Of one release over one difference one row counts.
create unique index approvals_in_force on approvals (tenant, agent, version, digest, delta)
    where status <> 'superseded';
-- Of one release one difference waits, or the release is rejected.
create unique index approvals_open on approvals (tenant, agent, version)
    where status in ('pending', 'rejected');
create index approvals_by_status on approvals (tenant, status, id);
