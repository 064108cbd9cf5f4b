-- What tasks leave beside their outputs. The bytes lie on the disk of the host that ran the task, by their digest.

-- What of it whoever sees the task is told, as JSON; null of a task that has left nothing.
alter table tasks add column artifacts text collate "C";

-- The bytes that a task names. Artefacts of one task that have the same bytes are one row.
create table artifacts (
    tenant  text collate "C" not null,
    task    text collate "C" not null,
    digest  text collate "C" not null,
    size    bigint           not null,
    home    text collate "C" not null,  -- the data directory of the host that ran the task
    address text collate "C" not null,  -- where other hosts reached it then
    primary key (tenant, task, digest)
);

create index artifacts_by_digest on artifacts (digest);

-- What those of a tenant have together, so that a bound on it costs a row, not a scan.
create table artifact_totals (
    tenant text collate "C" not null,
    bytes  bigint           not null,
    primary key (tenant)
);
