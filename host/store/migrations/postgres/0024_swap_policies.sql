-- How an agent is swapped when whoever asks for it does not say how.
create table swap_policies (
    tenant     text collate "C" not null,
    agent      text collate "C" not null,
    policy     text collate "C" not null,  -- JSON
    principal  text collate "C" not null,
    changed_at bigint           not null,
    primary key (tenant, agent)
);
