-- All that one party did, such as the holder of a key that has leaked.
create index audit_by_principal on audit (tenant, principal, seq) where principal is not null;
