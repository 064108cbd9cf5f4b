-- Whom a tenant trusts to sign its releases, and who has signed them.

-- Every policy that a tenant has had, in order; the last is in force. A tenant without one trusts
-- the host's own key.
create table trust (
    tenant     text collate "C" not null,
    revision   bigint           not null,
    document   text collate "C" not null,  -- json
    changed_at bigint           not null,
    primary key (tenant, revision),
    foreign key (tenant) references tenants (name)
);

-- One row is one signature, by a key that the tenant knew when it came. It goes with its release.
create table signatures (
    tenant    text collate "C" not null,
    agent     text collate "C" not null,
    version   text collate "C" not null,
    key       text collate "C" not null,  -- id of the key: digest of its SubjectPublicKeyInfo
    payload   bytea            not null,  -- what was signed, to the byte
    signature bytea            not null,
    added_at  bigint           not null,
    primary key (tenant, agent, version, key),
    foreign key (tenant, agent, version) references releases (tenant, agent, version) on delete cascade
);
