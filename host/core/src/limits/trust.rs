//! What bounds signatures and whom a tenant trusts.

/// Signatures of one release. A threshold of three, a build system and a few auditors fit; each
/// of a key that is not named is tried with every key there is.
pub const SIGNATURES_MAX: usize = 16;
/// Longest signature, in bytes. ECDSA on P-256 has up to 72, Ed25519 64.
pub const SIGNATURE_BYTES_MAX: usize = 128;
/// Longest document that is signed, in bytes. Ours has under 400; cosign's carry annotations.
pub const SIGNATURE_PAYLOAD_BYTES_MAX: usize = 4 * 1024;

/// Keys of one tenant that are not revoked.
pub const TRUSTED_KEYS_MAX: usize = 128;
/// Keys that one tenant knows, the revoked ones included, which stay: three times every key there may be
/// is replaced. Each is tried on a signature that names none.
pub const KNOWN_KEYS_MAX: usize = 4 * TRUSTED_KEYS_MAX;
/// Rules of one tenant: one for each pattern of names.
pub const TRUST_RULES_MAX: usize = 128;
/// Things that one change of whom a tenant trusts says: every key and every rule there may be, taken
/// away and put in their place. Each is a record of the audit.
pub const TRUST_CHANGES_MAX: usize = 2 * (TRUSTED_KEYS_MAX + TRUST_RULES_MAX);
/// Policies of one tenant that are kept, the one in force among them. Signatures are judged by that
/// one alone; those before show what the records of the audit came to.
pub const TRUST_REVISIONS_MAX: u64 = 32;
/// Longest that a key is trusted for, if the trust ends at all, in seconds: as long as an API key.
pub const TRUST_SECONDS_MAX: u64 = super::KEY_TIME_MAX.as_secs();

/// Memory that the password of a private key may take, in bytes: four times what cosign's do.
pub const KEY_SCRYPT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// How often it may be taken one after the other; cosign does once.
pub const KEY_SCRYPT_PARALLEL_MAX: u32 = 4;

/// Different decisions of one invocation that the audit records each by itself; the rest is
/// counted. An inventory of a large account meets half as many hosts and credentials.
pub const AUDIT_DECISIONS_MAX: usize = 64;
/// Lines of grants that a record of the audit names; the rest is counted.
pub const AUDIT_LINES_MAX: usize = 32;
