-- Keys that are gone after a while.

-- From this instant on the key is absent; null = never. The row stays until it is written
-- anew or swept away, and counts in state_usage until then.
alter table state add column expires_at bigint;

-- What the host itself looks for, over all tenants.
create index state_expiring on state (expires_at) where expires_at is not null;
