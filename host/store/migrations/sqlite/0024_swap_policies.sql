-- How an agent is swapped when whoever asks for it does not say how.
create table swap_policies (
    tenant     text    not null,
    agent      text    not null,
    policy     text    not null,  -- JSON
    principal  text    not null,
    changed_at integer not null,
    primary key (tenant, agent)
) strict, without rowid;
