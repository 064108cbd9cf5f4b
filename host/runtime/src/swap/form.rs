//! What a swap does about state, by the form of it that the release before writes.
//!
//! | the new release | what happens |
//! |---|---|
//! | writes the same version | it works on the same state |
//! | writes another and exports `lifecycle` | a copy of state is migrated, and takes its place |
//! | writes another and `reads` the one before | it works on the same state, in which there are both forms from then on |
//! | writes another and does neither | it is refused |
//!
//! Two forms cannot be written beside each other, so a release that writes another version is
//! never tried, and one that reads both is watched only if the release before could serve again
//! on what it writes. Going back never migrates: the release before reads what is there, or is
//! refused.

use troupe_core::view::SwapPolicy;
use troupe_core::{Code, Error, Result};
use troupe_package::{Manifest, StateVersion};

/// Whether state is migrated.
///
/// # Errors
/// [`Code::SwapState`] if the release cannot take over the state that is there, or not by the
/// steps of the policy.
pub(crate) fn migrates(
    before: Option<StateVersion>,
    release: &Manifest,
    has_lifecycle: bool,
    policy: &SwapPolicy,
) -> Result<bool> {
    let after = release.state;
    let Some(before) = before.filter(|before| before.version != after.version) else { return Ok(false) };
    if has_lifecycle {
        return Ok(true);
    }
    readable(before, release)?;
    let is_tried = policy.canary.is_some();
    if is_tried || (policy.watch.is_some() && !before.reads.contains(after.version)) {
        let why = if is_tried {
            "two forms cannot be written beside each other"
        } else {
            "the release before could not read it if it were to serve again"
        };
        let message = format!(
            "{} writes state of `state.version` {} and the release that serves {}, and {why}; swap it in without `canary` \
             and `watch`",
            release.release(),
            after.version,
            before.version
        );
        return Err(unreadable(message, before));
    }
    Ok(false)
}

/// Checks that a release reads the state that the one that serves writes.
///
/// # Errors
/// [`Code::SwapState`] if it does not.
pub(crate) fn readable(before: StateVersion, release: &Manifest) -> Result<()> {
    let (StateVersion { reads, .. }, now) = (release.state, before.version);
    if reads.contains(now) {
        return Ok(());
    }
    let message = format!(
        "{} reads state of `state.version` {reads}, and the release that serves writes {now}; publish a release that reads \
         both, or one that exports `lifecycle` and migrates",
        release.release()
    );
    Err(unreadable(message, before))
}

fn unreadable(message: String, before: StateVersion) -> Error {
    Error::new(Code::SwapState, message).with("state", before.version)
}

#[cfg(test)]
mod tests {
    use troupe_core::view::{AffinityBy, CanaryPolicy, Undecided, WatchPolicy};
    use troupe_package::VersionRange;

    use super::*;

    fn writes(version: u32, first: u32, last: u32) -> StateVersion {
        StateVersion { version, reads: VersionRange::new(first, last).unwrap() }
    }

    fn release(state: StateVersion) -> Manifest {
        let text = "name = \"a\"\nversion = \"2.0.0\"\nsummary = \"Keeps.\"\n";
        Manifest { state, ..Manifest::parse(text).unwrap() }
    }

    #[test]
    fn what_happens_to_state_follows_from_what_is_written_read_and_exported() {
        let plain = SwapPolicy::default();
        let canary =
            CanaryPolicy { steps: Vec::new(), by: AffinityBy::Task, max_seconds: 1, undecided: Undecided::Stop };
        let tried = SwapPolicy { canary: Some(canary), ..SwapPolicy::default() };
        let watched = SwapPolicy { watch: Some(WatchPolicy { seconds: 1 }), ..SwapPolicy::default() };
        let (one, both) = (writes(1, 1, 1), writes(1, 1, 2));
        let (two, reads_one, only_two) = (writes(2, 1, 2), writes(2, 1, 2), writes(2, 2, 2));
        for (before, after, lifecycle, policy, expected) in [
            (None, two, true, &plain, Some(false)),
            (Some(one), one, true, &plain, Some(false)),
            (Some(one), one, true, &tried, Some(false)),
            (Some(one), only_two, true, &plain, Some(true)),
            (Some(one), reads_one, true, &tried, Some(true)),
            (Some(two), one, true, &watched, Some(true)),
            (Some(one), reads_one, false, &plain, Some(false)),
            (Some(one), reads_one, false, &tried, None),
            (Some(both), reads_one, false, &tried, None),
            (Some(one), reads_one, false, &watched, None),
            (Some(both), reads_one, false, &watched, Some(false)),
            (Some(one), only_two, false, &plain, None),
            (Some(two), one, false, &plain, None),
        ] {
            let found = migrates(before, &release(after), lifecycle, policy);
            let code = found.as_ref().err().map(|error| error.code);
            assert_eq!(code, expected.is_none().then_some(Code::SwapState), "{before:?} {after:?}");
            assert_eq!(found.ok(), expected, "{before:?} {after:?}");
        }
    }
}
