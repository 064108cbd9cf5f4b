-- Keys that are bound to agents: what leaks with one reaches their names alone.

-- Patterns of names, separated by spaces; null for a key that is bound to none.
alter table keys add column agents text collate "C";
