-- The first schema.
--
-- Conventions, here and in every later migration:
--
-- * `tenant` leads every primary key and every unique index, so that no statement can
--   name a row of another tenant by accident.
-- * A migration that has been released is never edited: the host compares checksums and
--   refuses to start on a difference. Each is mirrored for PostgreSQL under the same
--   number; the statements of the host's code are the same for both.
-- * Types: `text` for names, words, ids and JSON documents; `blob` (bytea) for bytes and
--   for anything ordered by bytes; `integer` (bigint) for numbers. Truth is 0 or 1.
-- * Instants are milliseconds since the Unix epoch. Digests are written `sha256:…`.
-- * Numbers that order changes (epoch, revision, seq, lease number) begin at 1 and only
--   rise; 0 says that there has been none.
-- * A table of small rows that is read by key ranges is `without rowid`, which keeps the
--   rows in key order; a table with large values is not.

-- One row is one publish.
create table releases (
    tenant       text    not null,
    agent        text    not null,
    version      text    not null,
    digest       text    not null,  -- of the release's OCI manifest
    component    text    not null,  -- digest of the component, which releases may share
    manifest     text    not null,  -- json
    profile      text    not null,  -- json
    published_at integer not null,
    primary key (tenant, agent, version)
) strict;

-- One row is one route: who serves, who is tried, under which documents.
create table deployments (
    tenant                 text    not null,
    agent                  text    not null,
    epoch                  integer not null,            -- rises with every change of the row
    serving                text    not null,
    digest                 text    not null,
    candidate              text,
    weight                 integer not null default 0 check (weight between 0 and 100),
    grants_revision        integer not null default 0,
    configuration_revision integer not null default 0,
    state_generation       integer not null default 1,  -- the copy of the key space in use
    changed_at             integer not null,
    primary key (tenant, agent),
    foreign key (tenant, agent, serving) references releases (tenant, agent, version),
    foreign key (tenant, agent, candidate) references releases (tenant, agent, version)
) strict, without rowid;

-- Every configuration an operator has set, in order.
create table configurations (
    tenant     text    not null,
    agent      text    not null,
    revision   integer not null,
    document   text    not null,  -- json
    changed_at integer not null,
    primary key (tenant, agent, revision)
) strict;

-- Every set of grants an operator has given, in order.
create table grants (
    tenant     text    not null,
    agent      text    not null,
    revision   integer not null,
    document   text    not null,  -- json
    changed_at integer not null,
    primary key (tenant, agent, revision)
) strict;

create table tasks (
    tenant           text    not null,
    id               text    not null,
    agent            text    not null,
    skill            text    not null,
    input            text    not null,            -- json
    request          text    not null,            -- fingerprint of agent, skill and input
    status           text    not null,
    priority         integer not null,
    attempt          integer not null,            -- 0 before the first
    principal        text    not null,
    idempotency_key  text,
    caused_by        text,                        -- the task whose agent asked for this one
    timeout_ms       integer not null,
    version          text,                        -- what the attempt runs or ran on
    digest           text,
    epoch            integer,
    output           text,                        -- json
    failure          text,                        -- json
    lease_owner      text,                        -- null when nobody runs it
    lease_number     integer not null default 0,  -- rises with every claim
    lease_until      integer,
    cancel_requested integer not null default 0,
    created_at       integer not null,
    started_at       integer,
    ended_at         integer,
    primary key (tenant, id)
) strict;

create unique index tasks_by_idempotency_key on tasks (tenant, idempotency_key) where idempotency_key is not null;
create index tasks_by_agent on tasks (tenant, agent, id);
create index tasks_by_status on tasks (tenant, status, id);
-- What the host itself looks for, over all tenants.
create index tasks_pending on tasks (priority desc, created_at, id) where status = 'pending';
create index tasks_running on tasks (lease_owner) where status = 'running';

-- What an invocation was fixed to before its guest ran.
create table journal_heads (
    tenant                 text    not null,
    task                   text    not null,
    attempt                integer not null,
    version                text    not null,
    digest                 text    not null,
    epoch                  integer not null,
    configuration_revision integer not null,
    grants_revision        integer not null,
    deadline               integer not null,
    seed                   blob    not null,
    started_at             integer not null,
    primary key (tenant, task, attempt),
    foreign key (tenant, task) references tasks (tenant, id)
) strict;

-- One row is one capability call of an invocation, in the order the guest made them.
create table journal (
    tenant  text    not null,
    task    text    not null,
    attempt integer not null,
    number  integer not null,
    at      integer not null,
    call    blob    not null,
    answer  blob,              -- null while only the intent is known
    writes  integer not null,  -- whether the call changes something, here or outside
    primary key (tenant, task, attempt, number),
    foreign key (tenant, task, attempt) references journal_heads (tenant, task, attempt)
) strict;

-- The key space of a deployment. Keys are bytes so that order and prefix are those of
-- bytes whatever the collation.
create table state (
    tenant     text    not null,
    agent      text    not null,
    generation integer not null,
    key        blob    not null,
    value      blob    not null,
    revision   integer not null,  -- from state_usage, so that a key made anew is not mistaken for the old one
    epoch      integer not null,  -- of the release that wrote it
    updated_at integer not null,
    primary key (tenant, agent, generation, key)
) strict;

-- What a key space holds, kept in step with it, so that a quota needs no scan.
create table state_usage (
    tenant     text    not null,
    agent      text    not null,
    generation integer not null,
    keys       integer not null,
    bytes      integer not null,  -- of keys and values together
    revision   integer not null,  -- the last one given out
    primary key (tenant, agent, generation)
) strict, without rowid;

-- The last number of each tenant's feed. Taken in the transaction of the change itself,
-- so that numbers have no gaps and are visible in order.
create table feed_heads (
    tenant text    not null,
    seq    integer not null,
    primary key (tenant)
) strict, without rowid;

create table feed (
    tenant  text    not null,
    seq     integer not null,
    at      integer not null,
    kind    text    not null,
    subject text    not null,
    data    text    not null,  -- json
    primary key (tenant, seq)
) strict, without rowid;
