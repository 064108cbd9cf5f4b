-- Webhooks: subscriptions whose origin is `webhook`. Such a one has no agent, and its document holds what was set,
-- and of its secret the generation and a mark by which a host knows whether it is its own.

-- JSON: how the last try of a webhook went.
alter table subscriptions add column last text collate "C";

-- Deliveries that a host has to itself until `due_at`, to send them; those whose task runs have none.
create index deliveries_leased on deliveries (due_at) where state = 'running' and due_at is not null;
