-- Events, who takes them, and what becomes of each at whom.

-- The newest numbers of a tenant, and what its events come to.
create table event_heads (
    tenant    text collate "C" not null primary key,
    position  bigint not null,  -- of the last event
    place     bigint not null,  -- of the last delivery
    open      bigint not null,  -- deliveries that have not ended
    bytes     bigint not null,  -- of the events that are kept
    published bigint not null,
    unhandled bigint not null
);

-- One row is one event, from when it is accepted until it is kept no longer.
create table events (
    tenant       text collate "C" not null,
    position     bigint not null,  -- rises by one with each of the tenant's
    sender       text collate "C" not null,  -- who published it, as the host knows
    source       text collate "C" not null,
    id           text collate "C" not null,
    topic        text collate "C" not null,
    priority     bigint not null,  -- 0 low to 3 critical
    document     text collate "C" not null,  -- JSON: the event
    request      text collate "C" not null,  -- a fingerprint of what was published
    bytes        bigint not null,  -- of the document
    hops         bigint not null,
    caused_by    text collate "C",              -- the task that published it
    published_at bigint not null,
    due_at       bigint,           -- null: at once
    routed       bigint,           -- how many deliveries were made; null while its time has not come
    open         bigint not null,  -- deliveries of it that have not ended
    primary key (tenant, position)
);

-- The same event of the same sender is kept once.
create unique index events_by_id on events (tenant, sender, source, id);
create index events_by_topic on events (tenant, topic, position);
create index events_by_time on events (tenant, published_at);
-- Whose time comes next, over all tenants.
create index events_due on events (due_at, tenant, position) where routed is null;
create index events_scheduled on events (tenant, position) where routed is null;
create index events_unhandled on events (tenant, position) where routed = 0;

-- Topics under which something was published.
create table event_topics (
    tenant    text collate "C" not null,
    topic     text collate "C" not null,
    published bigint not null,
    unhandled bigint not null,
    is_missed bigint not null,  -- whether the last was unhandled, which the feed was told
    first_at  bigint not null,
    last_at   bigint not null,
    primary key (tenant, topic)
);

-- Who takes which events. What was removed stays as long as deliveries name it.
create table subscriptions (
    tenant     text collate "C" not null,
    name       text collate "C" not null,
    origin     text collate "C" not null,  -- `set`; `trigger` of the release that serves
    agent      text collate "C" not null,
    head       text collate "C" not null,  -- the first segment of its pattern; empty if that is a wildcard
    pattern    text collate "C" not null,
    document   text collate "C" not null,  -- JSON: what was set
    principal  text collate "C" not null,  -- who set it, and asks for its tasks
    paused     bigint not null,
    changed_at bigint not null,
    removed_at bigint,
    routed     bigint not null,
    delivered  bigint not null,
    failed     bigint not null,  -- tries
    dead       bigint not null,
    primary key (tenant, name)
);

create index subscriptions_of_agent on subscriptions (tenant, agent, name);
create index subscriptions_by_head on subscriptions (tenant, head, name) where removed_at is null;

-- One row is one event at one subscription.
create table deliveries (
    tenant       text collate "C" not null,
    place        bigint not null,  -- rises by one with each of the tenant's
    subscription text collate "C" not null,
    position     bigint not null,  -- of the event
    sender       text collate "C" not null,  -- the event's, as the next two: those of one line are
    topic        text collate "C" not null,  -- handled one after the other
    priority     bigint not null,
    state        text collate "C" not null,
    attempts     bigint not null,
    due_at       bigint,           -- when it is tried at the earliest, while it is ready
    rank         bigint,           -- lower goes first among those that are ready
    task         text collate "C",              -- of the last try
    failure      text collate "C",              -- JSON: why that failed
    created_at   bigint not null,
    ended_at     bigint,           -- null while it is waiting, ready or running
    primary key (tenant, place)
);

create index deliveries_of_event on deliveries (tenant, position, place);
create index deliveries_by_task on deliveries (tenant, task) where task is not null;
create index deliveries_by_end on deliveries (tenant, ended_at) where state = 'delivered';
-- The line that an event stands in.
create index deliveries_line on deliveries (tenant, subscription, sender, topic, priority, place)
    where ended_at is null;
-- What can be handled, which goes first, and what is due next over all tenants.
create index deliveries_ready on deliveries (tenant, subscription, rank, place) where state = 'ready';
create index deliveries_due on deliveries (due_at) where state = 'ready';
create index deliveries_running on deliveries (tenant, subscription) where state = 'running';
create index deliveries_dead on deliveries (tenant, place) where state = 'dead';
