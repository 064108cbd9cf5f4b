//! What a release could do and the one before could not.

use std::collections::BTreeMap;

use troupe_core::grant::{self, GrantKey};
use troupe_core::view::{CapabilityChange, CapabilityKind};
use troupe_core::{Grants, SkillName, limits as host};

use super::Compared;
use crate::{Manifest, Profile, Trigger};

/// What is wider, in the order of the kinds.
pub(super) fn wider(base: Compared<'_>, candidate: Compared<'_>) -> Vec<CapabilityChange> {
    let mut all = grants(base.manifest, candidate.manifest);
    all.extend(raised(base.manifest, candidate.manifest));
    all.extend(effects(base.profile, candidate.profile));
    all.extend(triggers(base, candidate));
    all
}

fn grants(base: &Manifest, candidate: &Manifest) -> Vec<CapabilityChange> {
    let (before, after) = (base.capabilities.grants(), candidate.capabilities.grants());
    let changes = grant::compare(&before, &after).into_iter().filter(|(_, change)| change.widens());
    let line = |key: &GrantKey, grants: &Grants| grants.only(key).lines().join("; ");
    changes
        .map(|(key, _)| CapabilityChange {
            kind: CapabilityKind::Grant,
            before: Some(line(&key, &before)).filter(|line| !line.is_empty()),
            after: line(&key, &after),
            at: key.to_string(),
        })
        .collect()
}

/// The limits of a manifest as they are in force, by name.
pub(super) fn limits(manifest: &Manifest) -> BTreeMap<&'static str, u64> {
    let limits = &manifest.limits;
    let time = u64::try_from(host::INVOCATION_TIME_DEFAULT.as_millis()).unwrap_or(u64::MAX);
    BTreeMap::from([
        ("memory", limits.memory_bytes.unwrap_or(host::GUEST_MEMORY_BYTES_DEFAULT as u64)),
        ("time", limits.time_ms.unwrap_or(time)),
        ("output", limits.output_bytes.unwrap_or(host::OUTPUT_BYTES_MAX as u64)),
    ])
}

fn raised(base: &Manifest, candidate: &Manifest) -> Vec<CapabilityChange> {
    let before = limits(base);
    let shown = |name: &str, amount: u64| if name == "time" { format!("{amount} ms") } else { host::bytes(amount) };
    let raised = limits(candidate).into_iter().filter_map(|(name, after)| {
        let before = *before.get(name)?;
        (after > before).then(|| CapabilityChange {
            kind: CapabilityKind::Limit,
            at: name.to_owned(),
            before: Some(shown(name, before)),
            after: shown(name, after),
        })
    });
    raised.collect()
}

fn effects(base: &Profile, candidate: &Profile) -> Vec<CapabilityChange> {
    let of_skills = candidate
        .skills
        .iter()
        .map(|skill| (skill.name.as_str(), base.skill(skill.name.as_str()).map(|s| s.effect), skill.effect));
    let of_conversation = candidate
        .conversation
        .map(|after| (SkillName::CONVERSE, base.conversation.map(|before| before.effect), after.effect));
    let raised =
        of_skills.chain(of_conversation).filter(|(_, before, after)| before.is_none_or(|before| *after > before));
    let raised = raised.map(|(name, before, after)| CapabilityChange {
        kind: CapabilityKind::Effect,
        at: name.to_owned(),
        before: before.map(|effect| effect.to_string()),
        after: after.to_string(),
    });
    raised.collect()
}

fn triggers(base: Compared<'_>, candidate: Compared<'_>) -> Vec<CapabilityChange> {
    let before: Vec<&Trigger> = of(base).collect();
    // What handles no events now and none before starts nothing.
    let is_known = |before: &Trigger, trigger: &Trigger| {
        before.event.covers(&trigger.event) && (trigger.skill.is_none() || before.skill == trigger.skill)
    };
    let mut new: Vec<String> = of(candidate)
        .filter(|trigger| !before.iter().any(|before| is_known(before, trigger)))
        .map(|trigger| match &trigger.skill {
            Some(skill) => format!("{} → {skill}", trigger.event),
            None => trigger.event.to_string(),
        })
        .collect();
    new.sort_unstable();
    new.dedup();
    new.into_iter()
        .map(|event| CapabilityChange { kind: CapabilityKind::Trigger, at: event.clone(), before: None, after: event })
        .collect()
}

fn of(release: Compared<'_>) -> impl Iterator<Item = &Trigger> {
    release.manifest.triggers.iter().chain(&release.profile.triggers)
}
