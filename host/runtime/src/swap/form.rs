//! What a swap does about state, by the forms of it that are there.
//!
//! | the new release | what happens |
//! |---|---|
//! | writes the same version, and `reads` all that are there | it works on the same state |
//! | writes another and exports `lifecycle` | a copy of state is migrated, and takes its place |
//! | writes another and `reads` all that are there | it works on the same state, in which there is one form more from then on |
//! | does none of these | it is refused |
//!
//! Which forms are there is a range in the deployment's row, which each release that serves widens
//! by what it writes, and a migration begins anew. Where there are several, a release migrates them
//! only if it `reads` them all: it is told of the lowest alone.
//!
//! Two forms cannot be written beside each other, so a release that writes another version is
//! never tried, and one that reads both is watched only if the release before could serve again
//! on what it writes. Going back never migrates: the release before reads what is there, or is
//! refused.

use troupe_core::view::SwapPolicy;
use troupe_core::{AgentName, Code, Error, Result, TenantId};
use troupe_package::{Manifest, StateVersion};
use troupe_store::{DeploymentRow, Forms};

use crate::Runtime;

/// The state that a release would take over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct There {
    /// The forms in which keys may be.
    pub(crate) forms: Forms,
    /// What the release that serves writes and reads, if its manifest can be read.
    before: Option<StateVersion>,
}

impl There {
    /// Whether a release works on it as it is: it writes what the one that serves writes, and reads
    /// all that is there.
    pub(crate) fn goes_on_under(&self, release: &Manifest) -> bool {
        self.is_written_by(release) && self.is_read_by(release)
    }

    fn is_written_by(&self, release: &Manifest) -> bool {
        let version = release.state.version;
        self.before.map_or(self.forms == Forms::one(version), |before| before.version == version)
    }

    fn is_read_by(&self, release: &Manifest) -> bool {
        reads_all(release.state, self.forms)
    }
}

/// Whether a release reads state in each of these forms.
pub(crate) fn reads_all(release: StateVersion, forms: Forms) -> bool {
    release.reads.contains(forms.first) && release.reads.contains(forms.last)
}

impl Runtime {
    /// The state that whatever serves next would take over; none if nothing is deployed.
    ///
    /// # Errors
    /// [`Code::SwapState`] if it is not known what is there.
    pub(crate) fn state_there(&self, deployment: Option<&DeploymentRow>) -> Result<Option<There>> {
        let Some(DeploymentRow { tenant, agent, state_forms, .. }) = deployment else { return Ok(None) };
        let before = self.routes.state(tenant, agent);
        // What could have taken over more than it reads does not serve.
        let read = || before.map(|before| Forms { first: before.reads.first(), last: before.reads.last() });
        let forms = state_forms.or_else(read).ok_or_else(|| {
            let message = format!(
                "in which form the state of `{agent}` is cannot be known, since the manifest of the release that serves cannot \
                 be read; start the host that published it, or deploy the release under another name"
            );
            Error::new(Code::SwapState, message)
        })?;
        Ok(Some(There { forms, before }))
    }

    /// The same, of a deployment as it is on disk.
    ///
    /// # Errors
    /// Those of [`Runtime::state_there`], and of a store that cannot be read.
    pub(crate) async fn state_of(&self, tenant: &TenantId, agent: &AgentName) -> Result<Option<There>> {
        self.state_there(self.store.deployment(tenant, agent).await?.as_ref())
    }
}

/// Whether state is migrated.
///
/// # Errors
/// [`Code::SwapState`] if the release cannot take over the state that is there, or not by the
/// steps of the policy.
pub(crate) fn migrates(
    there: Option<There>,
    release: &Manifest,
    has_lifecycle: bool,
    policy: &SwapPolicy,
) -> Result<bool> {
    let Some(there) = there else { return Ok(false) };
    let writes_the_same = there.is_written_by(release);
    if !writes_the_same && has_lifecycle && (there.forms.is_one() || there.is_read_by(release)) {
        return Ok(true);
    }
    readable(there, release)?;
    if writes_the_same {
        return Ok(false);
    }
    let after = release.state;
    let is_tried = policy.canary.is_some();
    let serves_again = there.before.is_some_and(|before| before.reads.contains(after.version));
    if is_tried || (policy.watch.is_some() && !serves_again) {
        let why = if is_tried {
            "two forms cannot be written beside each other"
        } else {
            "the release before could not read it if it were to serve again"
        };
        let before = there.before.map_or(there.forms.last, |before| before.version);
        let message = format!(
            "{} writes state of `state.version` {} and the release that serves {before}, and {why}; swap it in without \
             `canary` and `watch`",
            release.release(),
            after.version,
        );
        return Err(unreadable(message, there));
    }
    Ok(false)
}

/// Checks that a release reads all the state that is there.
///
/// # Errors
/// [`Code::SwapState`] if it does not.
pub(crate) fn readable(there: There, release: &Manifest) -> Result<()> {
    if there.is_read_by(release) {
        return Ok(());
    }
    let (name, reads, forms) = (release.release(), release.state.reads, there.forms);
    let message = if forms.is_one() {
        format!(
            "{name} reads state of `state.version` {reads}, and the release that serves writes {}; publish a release that reads \
             both, or one that exports `lifecycle` and migrates",
            forms.first
        )
    } else {
        format!(
            "{name} reads state of `state.version` {reads}, and releases that have served left {forms} beside each other; \
             publish a release that reads all of them, which may then migrate them to another"
        )
    };
    Err(unreadable(message, there))
}

fn unreadable(message: String, there: There) -> Error {
    Error::new(Code::SwapState, message).with("state", there.forms.to_string())
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
    fn what_happens_to_state_follows_from_what_is_there_and_what_is_written_read_and_exported() {
        let plain = SwapPolicy::default();
        let canary =
            CanaryPolicy { steps: Vec::new(), by: AffinityBy::Task, max_seconds: 1, undecided: Undecided::Stop };
        let tried = SwapPolicy { canary: Some(canary), ..SwapPolicy::default() };
        let watched = SwapPolicy { watch: Some(WatchPolicy { seconds: 1 }), ..SwapPolicy::default() };
        let (one, both) = (writes(1, 1, 1), writes(1, 1, 2));
        let (two, reads_one, only_two) = (writes(2, 1, 2), writes(2, 1, 2), writes(2, 2, 2));
        let (three, reads_three) = (writes(3, 2, 3), writes(3, 1, 3));
        let there =
            |first, last, before: StateVersion| Some(There { forms: Forms { first, last }, before: Some(before) });
        let unread = |first, last| Some(There { forms: Forms { first, last }, before: None });
        for (before, after, lifecycle, policy, expected) in [
            (None, two, true, &plain, Some(false)),
            (there(1, 1, one), one, true, &plain, Some(false)),
            (there(1, 1, one), one, true, &tried, Some(false)),
            (there(1, 1, one), only_two, true, &plain, Some(true)),
            (there(1, 1, one), reads_one, true, &tried, Some(true)),
            (there(2, 2, two), one, true, &watched, Some(true)),
            (there(1, 1, one), reads_one, false, &plain, Some(false)),
            (there(1, 1, one), reads_one, false, &tried, None),
            (there(1, 1, both), reads_one, false, &tried, None),
            (there(1, 1, one), reads_one, false, &watched, None),
            (there(1, 1, both), reads_one, false, &watched, Some(false)),
            (there(1, 1, one), only_two, false, &plain, None),
            (there(2, 2, two), one, false, &plain, None),
            // Beside each other they stay, whatever serves.
            (there(1, 2, reads_one), reads_one, false, &tried, Some(false)),
            (there(1, 2, reads_one), only_two, false, &plain, None),
            (there(1, 2, reads_one), only_two, true, &plain, None),
            (there(1, 2, reads_one), three, false, &plain, None),
            (there(1, 2, reads_one), three, true, &plain, None),
            (there(1, 2, reads_one), reads_three, false, &plain, Some(false)),
            (there(1, 2, reads_one), reads_three, true, &plain, Some(true)),
            // Of a release whose manifest cannot be read.
            (unread(1, 1), one, false, &plain, Some(false)),
            (unread(1, 1), only_two, false, &plain, None),
            (unread(1, 1), only_two, true, &plain, Some(true)),
            (unread(1, 1), reads_one, false, &watched, None),
            (unread(1, 2), one, false, &plain, None),
        ] {
            let found = migrates(before, &release(after), lifecycle, policy);
            let code = found.as_ref().err().map(|error| error.code);
            assert_eq!(code, expected.is_none().then_some(Code::SwapState), "{before:?} {after:?}");
            assert_eq!(found.ok(), expected, "{before:?} {after:?}");
        }
    }
}
