-- Links by which somebody decides about an approval without logging in, each once. The link itself is not
-- here: it is what the host signed.
create table approval_links (
    tenant     text collate "C" not null,
    id         text collate "C" not null,
    approval   text collate "C" not null,
    holder     text collate "C" not null,  -- who decides by it
    made_by    text collate "C" not null,
    created_at bigint           not null,
    expires_at bigint           not null,
    used_at    bigint,
    primary key (tenant, id)
);

create index approval_links_of on approval_links (tenant, approval, id);
