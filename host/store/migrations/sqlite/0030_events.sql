-- Events, who takes them, and what becomes of each at whom.

-- The newest numbers of a tenant, and what its events come to.
create table event_heads (
    tenant    text    not null primary key,
    position  integer not null,  -- of the last event
    place     integer not null,  -- of the last delivery
    open      integer not null,  -- deliveries that have not ended
    bytes     integer not null,  -- of the events that are kept
    published integer not null,
    unhandled integer not null
) strict;

-- One row is one event, from when it is accepted until it is kept no longer.
create table events (
    tenant       text    not null,
    position     integer not null,  -- rises by one with each of the tenant's
    sender       text    not null,  -- who published it, as the host knows
    source       text    not null,
    id           text    not null,
    topic        text    not null,
    priority     integer not null,  -- 0 low to 3 critical
    document     text    not null,  -- JSON: the event
    request      text    not null,  -- a fingerprint of what was published
    bytes        integer not null,  -- of the document
    hops         integer not null,
    caused_by    text,              -- the task that published it
    published_at integer not null,
    due_at       integer,           -- null: at once
    routed       integer,           -- how many deliveries were made; null while its time has not come
    open         integer not null,  -- deliveries of it that have not ended
    primary key (tenant, position)
) strict;

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
    tenant    text    not null,
    topic     text    not null,
    published integer not null,
    unhandled integer not null,
    is_missed integer not null,  -- whether the last was unhandled, which the feed was told
    first_at  integer not null,
    last_at   integer not null,
    primary key (tenant, topic)
) strict;

-- Who takes which events. What was removed stays as long as deliveries name it.
create table subscriptions (
    tenant     text    not null,
    name       text    not null,
    origin     text    not null,  -- `set`; `trigger` of the release that serves
    agent      text    not null,
    head       text    not null,  -- the first segment of its pattern; empty if that is a wildcard
    pattern    text    not null,
    document   text    not null,  -- JSON: what was set
    principal  text    not null,  -- who set it, and asks for its tasks
    paused     integer not null,
    changed_at integer not null,
    removed_at integer,
    routed     integer not null,
    delivered  integer not null,
    failed     integer not null,  -- tries
    dead       integer not null,
    primary key (tenant, name)
) strict;

create index subscriptions_of_agent on subscriptions (tenant, agent, name);
create index subscriptions_by_head on subscriptions (tenant, head, name) where removed_at is null;

-- One row is one event at one subscription.
create table deliveries (
    tenant       text    not null,
    place        integer not null,  -- rises by one with each of the tenant's
    subscription text    not null,
    position     integer not null,  -- of the event
    sender       text    not null,  -- the event's, as the next two: those of one line are
    topic        text    not null,  -- handled one after the other
    priority     integer not null,
    state        text    not null,
    attempts     integer not null,
    due_at       integer,           -- when it is tried at the earliest, while it is ready
    rank         integer,           -- lower goes first among those that are ready
    task         text,              -- of the last try
    failure      text,              -- JSON: why that failed
    created_at   integer not null,
    ended_at     integer,           -- null while it is waiting, ready or running
    primary key (tenant, place)
) strict;

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
