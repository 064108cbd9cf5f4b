-- What the key spaces of a deployment hold together, so that a bound on it costs a row, not a scan.

-- One row is one copy of the key spaces of a deployment: its own and those of its instances.
create table state_totals (
    tenant     text collate "C" not null,
    agent      text collate "C" not null,
    generation bigint           not null,
    spaces     bigint           not null,  -- rows of state_usage that are summed; this row goes with the last
    keys       bigint           not null,
    bytes      bigint           not null,
    primary key (tenant, agent, generation)
);

-- The sums go with whatever changes what they sum, in the same commit: writes, sweeps, copies, and what is
-- removed of stopped instances and of copies that nobody uses.
create function state_totals_one_more() returns trigger language plpgsql as $$
begin
    insert into state_totals (tenant, agent, generation, spaces, keys, bytes)
    values (new.tenant, new.agent, new.generation, 1, new.keys, new.bytes)
    on conflict (tenant, agent, generation) do update set
        spaces = state_totals.spaces + 1,
        keys = state_totals.keys + excluded.keys,
        bytes = state_totals.bytes + excluded.bytes;
    return null;
end
$$;

create trigger state_totals_one_more after insert on state_usage
    for each row execute function state_totals_one_more();

create function state_totals_another() returns trigger language plpgsql as $$
begin
    update state_totals set keys = keys + new.keys - old.keys, bytes = bytes + new.bytes - old.bytes
    where tenant = new.tenant and agent = new.agent and generation = new.generation;
    return null;
end
$$;

create trigger state_totals_another after update of keys, bytes on state_usage
    for each row execute function state_totals_another();

create function state_totals_one_less() returns trigger language plpgsql as $$
begin
    update state_totals set spaces = spaces - 1, keys = keys - old.keys, bytes = bytes - old.bytes
    where tenant = old.tenant and agent = old.agent and generation = old.generation;
    delete from state_totals
    where tenant = old.tenant and agent = old.agent and generation = old.generation and spaces = 0;
    return null;
end
$$;

create trigger state_totals_one_less after delete on state_usage
    for each row execute function state_totals_one_less();
