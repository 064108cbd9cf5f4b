-- Conversations of users with agents.

-- One row is one session. It is never removed, so that what a task names can be told.
create table sessions (
    tenant           text collate "C" not null,
    id               text collate "C" not null,
    principal        text collate "C" not null,  -- who started it, and speaks in it
    "user"           text collate "C" not null,  -- JSON: what is known of the user
    context          text collate "C" not null,  -- JSON: what it is about
    context_revision bigint           not null,  -- rises with every change of the context
    messages         bigint           not null,  -- how many there are; the number of the last
    idle_ms          bigint           not null,  -- how long it may be unused
    created_at       bigint           not null,
    used_at          bigint           not null,
    expires_at       bigint           not null,  -- when it ends unless it is used
    lives_until      bigint           not null,  -- when it ends however much it is used
    ended_at         bigint,  -- null while it takes messages
    ended            text collate "C",  -- ended, expired
    ended_by         text collate "C",  -- who ended it, if somebody did
    primary key (tenant, id)
);

create index sessions_by_principal on sessions (tenant, principal, id);
create index sessions_open on sessions (tenant) where ended_at is null;
-- What is over next, over all tenants.
create index sessions_expiring on sessions (expires_at, tenant, id) where ended_at is null;

-- One row is one message and its reply. What a task answers stands with the task.
create table messages (
    tenant          text collate "C" not null,
    session         text collate "C" not null,
    number          bigint           not null,  -- from 1, without gaps
    agent           text collate "C" not null,
    instance        text collate "C" not null,  -- the id of an instance; empty for the agent alone
    principal       text collate "C" not null,
    document        text collate "C" not null,  -- JSON: what was sent
    request         text collate "C" not null,  -- a fingerprint of it
    idempotency_key text collate "C",
    state           text collate "C" not null,  -- waiting, running, answered
    reading         text collate "C",  -- JSON: how the words were read
    task            text collate "C",  -- the task that answers it
    reply           text collate "C",  -- JSON: what the host replied itself
    created_at      bigint           not null,
    answered_at     bigint,
    primary key (tenant, session, number)
);

create unique index messages_by_key on messages (tenant, session, idempotency_key) where idempotency_key is not null;
create index messages_by_task on messages (tenant, task) where task is not null;
-- The line to each agent of a session.
create index messages_in_line on messages (tenant, session, agent, instance, number);
create index messages_unanswered on messages (tenant, session, agent, instance, number) where state <> 'answered';
-- What waits, over all tenants.
create index messages_waiting on messages (tenant, session, number) where state = 'waiting';

-- The session that a task belongs to; null for most.
alter table tasks add column session text collate "C";

-- The session that an instance is in; empty for none. Its name is its own within that.
alter table instances add column session text collate "C" not null default '';
drop index instances_by_name;
create unique index instances_by_name on instances (tenant, agent, session, name)
    where name is not null and stopped_at is null;
create index instances_by_session on instances (tenant, session, id) where session <> '';
