//! What bounds the comparison of two releases, and what is said of it.

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
