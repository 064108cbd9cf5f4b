-- Tenants, and the keys by which people and programs act in one.

-- The isolation boundary: its name leads the key of every other table. The tenant of the
-- owner is made when a host starts on a database that lacks it.
create table tenants (
    name        text    not null,
    created_at  integer not null,
    disabled_at integer,           -- null while it is not
    primary key (name)
) strict, without rowid;

-- One row is one key. It is never removed, so that whoever a task names can be told.
create table keys (
    tenant     text    not null,
    id         text    not null,
    name       text    not null,  -- what people call it; not unique
    scopes     text    not null,  -- words, separated by spaces
    token      text    not null,  -- digest of the secret
    created_at integer not null,
    expires_at integer,           -- null when it never does
    revoked_at integer,
    used_at    integer,           -- to about a minute
    primary key (tenant, id),
    foreign key (tenant) references tenants (name)
) strict;

-- The one index that no tenant leads: who a token stands for, its tenant with it, is what
-- is looked for here.
create unique index keys_by_token on keys (token);
