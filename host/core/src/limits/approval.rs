//! What bounds the comparison of two releases, and what is said of it.

use std::time::Duration;

/// Changes of one kind on a page of a comparison of two releases, so that an answer stays small. How
/// many more there are is said, and all of them count.
pub const RELEASE_CHANGES_MAX: usize = 200;

/// Longest place of a change that is shown, in characters: deeper ones are cut, so that what is
/// shown of a document stays within a small multiple of it.
pub const RELEASE_PLACE_CHARS_MAX: usize = 300;

/// Steps of holding one schema against another before the two are given up as not shown to be
/// compatible. The largest schemas we ship take a few thousand; a million take some tens of
/// milliseconds.
pub const SCHEMA_COMPARE_STEPS_MAX: usize = 1_000_000;

/// How deep the comparison of two schemas goes. References make it deeper than the documents
/// are nested, and each level takes stack.
pub const SCHEMA_COMPARE_DEPTH_MAX: usize = 128;

/// Longest reason that somebody may give for approving of a release or rejecting it.
pub const APPROVAL_REASON_CHARS_MAX: usize = 1_000;

/// Tasks of one tenant that may wait for approval at once. Each is two rows; more than this nobody reads.
pub const TASK_APPROVALS_MAX: u64 = 5_000;
/// Rules of one tenant's policy: as many as of whom it trusts.
pub const APPROVAL_RULES_MAX: usize = 128;
/// Levels of one rule: more are asked by no house of ours, and each is shown with each task.
pub const APPROVAL_LEVELS_MAX: usize = 8;
/// Approvers that one level names, and the highest quorum of one that names none.
pub const APPROVERS_MAX: usize = 64;
/// Rights that are lent on one level of one approval.
pub const APPROVAL_LENT_MAX: usize = 32;
/// Longest time after which a level is passed over, a task is approved or fails, or a lent right ends: as
/// long as a task may be put off.
pub const APPROVAL_TIME_MAX: Duration = super::TASK_DELAY_MAX;
/// Policies of one tenant that are kept, the one in force among them.
pub const APPROVAL_POLICIES_KEPT_MAX: u64 = 32;
/// Approvals whose time has come that are looked at together.
pub const APPROVALS_AT_ONCE: u32 = 100;
/// Longest line that an agent shows of what it asks approval of, in characters: a sentence in a list.
pub const APPROVAL_SUMMARY_CHARS_MAX: usize = 300;
/// Largest action that an agent asks approval of, in bytes of JSON: more than this nobody reads.
pub const APPROVAL_ACTION_BYTES_MAX: usize = 32 * 1024;
/// Longest document that says how an agent asks for approval, in bytes; it has one field.
pub const APPROVAL_OPTIONS_BYTES_MAX: usize = 1024;
/// Shortest time in which somebody may be asked to decide: what is over before it is read is noise.
pub const APPROVAL_EXPIRY_MIN: Duration = Duration::from_secs(1);
/// Approvals that one task may wait for at once.
pub const APPROVALS_OPEN_PER_TASK_MAX: u64 = 8;
/// Approvals that one task may ask for in all, over its attempts: what asks again and again is stopped here.
pub const APPROVALS_PER_TASK_MAX: u64 = 64;
/// The most that a grant may allow an agent to wait for at once.
pub const APPROVALS_OPEN_PER_AGENT_MAX: u32 = 500;
/// What it allows when it does not say.
pub const APPROVALS_OPEN_PER_AGENT_DEFAULT: u32 = 10;
/// How long a link to an approval is good when nobody says: until somebody has read their mail.
pub const APPROVAL_LINK_TIME_DEFAULT: Duration = Duration::from_secs(24 * 3_600);
/// Longest time of one: it is a secret that lies in mailboxes.
pub const APPROVAL_LINK_TIME_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Links to one approval over all: as many as may approve on a level.
pub const APPROVAL_LINKS_MAX: u64 = APPROVERS_MAX as u64;
/// Longest link that is looked at; ours have about 400 bytes.
pub const APPROVAL_LINK_BYTES_MAX: usize = 2 * 1024;
/// Longest form that decides by a link: the link, and a reason, each byte of which may take three.
pub const APPROVAL_FORM_BYTES_MAX: usize = 16 * 1024;
