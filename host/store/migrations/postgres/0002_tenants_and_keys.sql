-- Tenants, and the keys by which people and programs act in one.

-- The isolation boundary: its name leads the key of every other table. The tenant of the
-- owner is made when a host starts on a database that lacks it.
create table tenants (
    name        text collate "C" not null,
    created_at  bigint           not null,
    disabled_at bigint,  -- null while it is not
    primary key (name)
);

-- One row is one key. It is never removed, so that whoever a task names can be told.
create table keys (
    tenant     text collate "C" not null,
    id         text collate "C" not null,
    name       text collate "C" not null,  -- what people call it; not unique
    scopes     text collate "C" not null,  -- words, separated by spaces
    token      text collate "C" not null,  -- digest of the secret
    created_at bigint           not null,
    expires_at bigint,  -- null when it never does
    revoked_at bigint,
    used_at    bigint,  -- to about a minute
    primary key (tenant, id),
    foreign key (tenant) references tenants (name)
);

-- The one index that no tenant leads: who a token stands for, its tenant with it, is what
-- is looked for here.
create unique index keys_by_token on keys (token);
