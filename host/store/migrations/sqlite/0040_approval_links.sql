-- Links by which somebody decides about an approval without logging in, each once. The link itself is not
-- here: it is what the host signed.
create table approval_links (
    tenant     text    not null,
    id         text    not null,
    approval   text    not null,
    holder     text    not null,  -- who decides by it
    made_by    text    not null,
    created_at integer not null,
    expires_at integer not null,
    used_at    integer,
    primary key (tenant, id)
) strict;

create index approval_links_of on approval_links (tenant, approval, id);
