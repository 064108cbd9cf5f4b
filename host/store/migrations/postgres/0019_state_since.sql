-- State that is brought to another form: on a copy, which then takes its place.

-- The epoch by which the copy of the key spaces came into use that is in use. What began under
-- an earlier one wrote to a copy that is gone, and cannot go on.
alter table deployments add column state_since bigint not null default 1;
