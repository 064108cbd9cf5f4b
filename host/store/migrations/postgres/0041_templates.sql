-- Definitions of agents over components that they share.
create table templates (
    tenant      text collate "C" not null,
    name        text collate "C" not null,
    version     text collate "C" not null,
    summary     text collate "C" not null,
    component   text collate "C" not null,  -- the release whose component its agents share
    document    text collate "C" not null,  -- JSON
    principal   text collate "C" not null,  -- who imported it
    imported_at bigint           not null,
    primary key (tenant, name, version)
);
