-- Whom a tenant trusts to sign its releases, and who has signed them.

-- Every policy that a tenant has had, in order; the last is in force. A tenant without one trusts
-- the host's own key.
create table trust (
    tenant     text    not null,
    revision   integer not null,
    document   text    not null,  -- json
    changed_at integer not null,
    primary key (tenant, revision),
    foreign key (tenant) references tenants (name)
) strict;

-- One row is one signature, by a key that the tenant knew when it came. It goes with its release.
create table signatures (
    tenant    text    not null,
    agent     text    not null,
    version   text    not null,
    key       text    not null,  -- id of the key: digest of its SubjectPublicKeyInfo
    payload   blob    not null,  -- what was signed, to the byte
    signature blob    not null,
    added_at  integer not null,
    primary key (tenant, agent, version, key),
    foreign key (tenant, agent, version) references releases (tenant, agent, version) on delete cascade
) strict;
