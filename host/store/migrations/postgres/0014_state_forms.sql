-- The forms of state that are beside each other in what a deployment keeps.

-- Versions of state, from the first to the last, as `1..=2`: what releases that have served wrote
-- to the copy of the key spaces that is in use. Where nobody has noted it, it is all that the release
-- reads that serves, which cannot have taken over more; null where that is not known either.
alter table deployments add column state_forms text collate "C";
