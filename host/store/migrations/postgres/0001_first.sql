-- The first schema.
--
-- The mirror of what SQLite has under the same number: the same tables and columns, so that
-- the statements of the host's code are the same for both. Conventions are said there; what
-- differs here:
--
-- * Types: `text collate "C"`, whose order is that of bytes whatever the database's locale;
--   `bytea` for bytes; `bigint` for numbers.
-- * No database is older here than any of these files, so what brings rows of an earlier
--   schema to a later one in SQLite has nothing to do and is left out.

-- One row is one publish.
create table releases (
    tenant       text collate "C" not null,
    agent        text collate "C" not null,
    version      text collate "C" not null,
    digest       text collate "C" not null,  -- of the release's OCI manifest
    component    text collate "C" not null,  -- digest of the component, which releases may share
    manifest     text collate "C" not null,  -- json
    profile      text collate "C" not null,  -- json
    published_at bigint           not null,
    primary key (tenant, agent, version)
);

-- One row is one route: who serves, who is tried, under which documents.
create table deployments (
    tenant                 text collate "C" not null,
    agent                  text collate "C" not null,
    epoch                  bigint           not null,  -- rises with every change of the row
    serving                text collate "C" not null,
    digest                 text collate "C" not null,
    candidate              text collate "C",
    weight                 bigint           not null default 0 check (weight between 0 and 100),
    grants_revision        bigint           not null default 0,
    configuration_revision bigint           not null default 0,
    state_generation       bigint           not null default 1,  -- the copy of the key space in use
    changed_at             bigint           not null,
    primary key (tenant, agent),
    foreign key (tenant, agent, serving) references releases (tenant, agent, version),
    foreign key (tenant, agent, candidate) references releases (tenant, agent, version)
);

-- Every configuration an operator has set, in order.
create table configurations (
    tenant     text collate "C" not null,
    agent      text collate "C" not null,
    revision   bigint           not null,
    document   text collate "C" not null,  -- json
    changed_at bigint           not null,
    primary key (tenant, agent, revision)
);

-- Every set of grants an operator has given, in order.
create table grants (
    tenant     text collate "C" not null,
    agent      text collate "C" not null,
    revision   bigint           not null,
    document   text collate "C" not null,  -- json
    changed_at bigint           not null,
    primary key (tenant, agent, revision)
);

create table tasks (
    tenant           text collate "C" not null,
    id               text collate "C" not null,
    agent            text collate "C" not null,
    skill            text collate "C" not null,
    input            text collate "C" not null,  -- json
    request          text collate "C" not null,  -- fingerprint of agent, skill and input
    status           text collate "C" not null,
    priority         bigint           not null,
    attempt          bigint           not null,  -- 0 before the first
    principal        text collate "C" not null,
    idempotency_key  text collate "C",
    caused_by        text collate "C",  -- the task whose agent asked for this one
    timeout_ms       bigint           not null,
    version          text collate "C",  -- what the attempt runs or ran on
    digest           text collate "C",
    epoch            bigint,
    output           text collate "C",  -- json
    failure          text collate "C",  -- json
    lease_owner      text collate "C",  -- null when nobody runs it
    lease_number     bigint           not null default 0,  -- rises with every claim
    lease_until      bigint,
    cancel_requested bigint           not null default 0,
    created_at       bigint           not null,
    started_at       bigint,
    ended_at         bigint,
    primary key (tenant, id)
);

create unique index tasks_by_idempotency_key on tasks (tenant, idempotency_key) where idempotency_key is not null;
create index tasks_by_agent on tasks (tenant, agent, id);
create index tasks_by_status on tasks (tenant, status, id);
-- What the host itself looks for, over all tenants.
create index tasks_pending on tasks (priority desc, created_at, id) where status = 'pending';
create index tasks_running on tasks (lease_owner) where status = 'running';

-- What an invocation was fixed to before its guest ran.
create table journal_heads (
    tenant                 text collate "C" not null,
    task                   text collate "C" not null,
    attempt                bigint           not null,
    version                text collate "C" not null,
    digest                 text collate "C" not null,
    epoch                  bigint           not null,
    configuration_revision bigint           not null,
    grants_revision        bigint           not null,
    deadline               bigint           not null,
    seed                   bytea            not null,
    started_at             bigint           not null,
    primary key (tenant, task, attempt),
    foreign key (tenant, task) references tasks (tenant, id)
);

-- One row is one capability call of an invocation, in the order the guest made them.
create table journal (
    tenant  text collate "C" not null,
    task    text collate "C" not null,
    attempt bigint           not null,
    number  bigint           not null,
    at      bigint           not null,
    call    bytea            not null,
    answer  bytea,  -- null while only the intent is known
    writes  bigint           not null,  -- whether the call changes something, here or outside
    primary key (tenant, task, attempt, number),
    foreign key (tenant, task, attempt) references journal_heads (tenant, task, attempt)
);

-- The key space of a deployment. Keys are bytes so that order and prefix are those of
-- bytes whatever the collation.
create table state (
    tenant     text collate "C" not null,
    agent      text collate "C" not null,
    generation bigint           not null,
    key        bytea            not null,
    value      bytea            not null,
    revision   bigint           not null,  -- from state_usage, so that a key made anew is not mistaken for the old one
    epoch      bigint           not null,  -- of the release that wrote it
    updated_at bigint           not null,
    primary key (tenant, agent, generation, key)
);

-- What a key space holds, kept in step with it, so that a quota needs no scan.
create table state_usage (
    tenant     text collate "C" not null,
    agent      text collate "C" not null,
    generation bigint           not null,
    keys       bigint           not null,
    bytes      bigint           not null,  -- of keys and values together
    revision   bigint           not null,  -- the last one given out
    primary key (tenant, agent, generation)
);

-- The last number of each tenant's feed. Taken in the transaction of the change itself,
-- so that numbers have no gaps and are visible in order.
create table feed_heads (
    tenant text collate "C" not null,
    seq    bigint           not null,
    primary key (tenant)
);

create table feed (
    tenant  text collate "C" not null,
    seq     bigint           not null,
    at      bigint           not null,
    kind    text collate "C" not null,
    subject text collate "C" not null,
    data    text collate "C" not null,  -- json
    primary key (tenant, seq)
);
