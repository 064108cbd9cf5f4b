-- Searches that the writer makes while every other write waits, and lists that people page
-- through.

-- The keys of one space that have ended, for a write that needs their room.
create index state_ending on state (tenant, agent, generation, expires_at) where expires_at is not null;

-- How many keys of a tenant are not revoked.
create index keys_live on keys (tenant) where revoked_at is null;

-- Tasks of one agent in one status.
create index tasks_by_agent_status on tasks (tenant, agent, status, id);
