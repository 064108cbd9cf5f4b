-- Deployments that were removed. The row stays, so that epochs and revisions go on where the agent is deployed
-- again, and so that what began under it can come to its end.
alter table deployments add column removed_at bigint; -- null while it is there
alter table deployments add column drain_until bigint; -- until when what runs of a removed one may go on

create index deployments_removed on deployments (tenant, agent) where removed_at is not null;
-- Instances of an agent that take tasks.
create index instances_live_of_agent on instances (tenant, agent) where stopped_at is null;
