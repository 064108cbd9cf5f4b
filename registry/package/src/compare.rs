//! Two releases of an agent, held against each other: what the newer one breaks, what it widens,
//! and what of it a model would read otherwise.
//!
//! | what | how it is found | what it means |
//! |---|---|---|
//! | contract (`contract.rs`) | every skill is there, no input schema is narrower and no output schema wider | callers of the one that serves would fail |
//! | capabilities (`capabilities.rs`) | by the algebra of grants, by effect classes, triggers and limits | it could do more |
//! | text (`readable.rs`) | the documents that a model reads, place by place | a model could be told something else |
//! | hints (`findings.rs`) | by the characters and words of texts that are new | somebody should look twice |
//!
//! The attack: a release that everybody trusts is followed by one that asks for a little more, or
//! whose description tells a model to do something for its author. The rule: nothing that counts
//! changes unseen. The default: what is not understood is not compatible, and every difference
//! of what a model reads is one.
//!
//! [`delta`] names what is approved by a digest over all that counts of both releases, not over
//! what is found and shown: so an approval holds for exactly these two, whichever build of the
//! host compares them.

mod capabilities;
mod contract;
mod findings;
mod readable;
mod schema;

use std::collections::HashSet;

use serde_json::{Value, json};
use troupe_core::view::ReleaseDelta;
use troupe_core::{Digest, SkillName, limits};

use crate::{Manifest, Profile, json as canonical};

/// What of a release is compared: all but its bytes, its version and its configuration.
#[derive(Debug, Clone, Copy)]
pub struct Compared<'a> {
    /// What its author says about it.
    pub manifest: &'a Manifest,
    /// What it says itself.
    pub profile: &'a Profile,
}

/// Returns how `candidate` differs from `base`, all of it. Without one there is nothing to widen or to
/// break, and what is told are hints alone.
pub fn compare(base: Option<Compared<'_>>, candidate: Compared<'_>) -> ReleaseDelta {
    let after = readable::document(candidate);
    let before = base.map(readable::document);
    let mut delta = ReleaseDelta::default();
    if let (Some(base), Some(before)) = (base, &before) {
        delta.breaks = contract::breaks(base.profile, candidate.profile);
        delta.capabilities = capabilities::wider(base, candidate);
        delta.texts = readable::changes(before, &after);
    }
    delta.findings = findings::find(before.as_ref(), &after);
    if delta.texts.len() > limits::RELEASE_CHANGES_MAX {
        // On later pages is what deserves a look least.
        let found: HashSet<&str> = delta.findings.iter().map(|finding| finding.at.as_str()).collect();
        delta.texts.sort_by_cached_key(|change| (!found.contains(change.at.as_str()), change.at.matches('/').count()));
    }
    delta
}

/// Names the difference between two releases: equal if and only if all that counts of both is.
pub fn delta(base: Option<Compared<'_>>, candidate: Compared<'_>) -> Digest {
    let both = json!({ "base": base.map(judged), "candidate": judged(candidate) });
    Digest::of(&canonical::canonical(&both))
}

/// All of a release that could need approval.
fn judged(release: Compared<'_>) -> Value {
    let skills = &release.profile.skills;
    let mut effects: Vec<Value> = skills.iter().map(|skill| json!([skill.name.as_str(), skill.effect])).collect();
    effects.extend(release.profile.conversation.map(|own| json!([SkillName::CONVERSE, own.effect])));
    json!({
        "text": readable::document(release),
        "effects": effects,
        "grants": release.manifest.capabilities.grants(),
        "limits": capabilities::limits(release.manifest),
        "triggers": [release.manifest.triggers, release.profile.triggers],
    })
}

#[cfg(test)]
mod tests;
