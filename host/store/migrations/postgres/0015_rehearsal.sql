-- What was asked of an agent, for whoever repeats it on another release.

-- The newest tasks of one skill of an agent.
create index tasks_by_agent_skill on tasks (tenant, agent, skill, id);
