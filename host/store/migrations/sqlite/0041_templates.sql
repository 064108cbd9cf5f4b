-- Definitions of agents over components that they share.
create table templates (
    tenant      text    not null,
    name        text    not null,
    version     text    not null,
    summary     text    not null,
    component   text    not null,  -- the release whose component its agents share
    document    text    not null,  -- JSON
    principal   text    not null,  -- who imported it
    imported_at integer not null,
    primary key (tenant, name, version)
) strict;
