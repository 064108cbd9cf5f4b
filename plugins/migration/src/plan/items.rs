//! The resources of a plan, each with what it looked like when it was planned.
//!
//! *The danger:* months lie between a plan and its last wave, and what was planned is there no more, or is larger.
//! *The rule:* of each resource those facts are kept by which its target was chosen, so that `progress` names what
//! changed. What changes by itself (counts, states, times) is none of them.

use std::collections::BTreeMap;
use std::io::Write as _;

use sha2::{Digest, Sha256};
use troupe_estate::{Provider, Reference, Resource};
use troupe_sdk::prelude::*;

use super::{LeftOut, is_moving};
use crate::assess::{Looked, Workload};
use crate::catalog::services::Move;
use crate::facts;

/// Bytes of items that the output of a plan has at most, which leaves room for its waves and runbooks.
const ITEMS_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The tag or label that what a resource becomes bears, with its mark.
pub const MARK_TAG: &str = "migration-source";

/// Longest fact that is kept as it is; of a longer one its digest.
const FACT_CHARS_MAX: usize = 64;

/// Bytes of a digest: enough to tell one list of rules from another.
const DIGEST_BYTES: usize = 8;

/// A resource of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whose cloud it is in.
    pub provider: Provider,
    /// The account, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Its region.
    pub region: String,
    /// Its workload.
    pub workload: String,
    /// Its wave.
    pub wave: usize,
    /// Which way it goes.
    pub way: Move,
    /// What to mind before it moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The value of the tag or label `migration-source` that what it becomes bears.
    pub mark: String,
    /// What it looked like.
    pub facts: BTreeMap<String, String>,
}

impl Item {
    /// Which resource it is.
    pub fn reference(&self) -> Reference {
        Reference {
            id: self.id.clone(),
            arn: None,
            provider: self.provider,
            kind: self.kind.clone().into(),
            account: self.account.clone(),
            region: self.region.clone(),
            name: None,
        }
    }
}

/// Whether a resource is in a wave, or why not.
///
/// # Errors
///
/// The reason.
pub fn moves(looked: &Looked, workload: &Workload, place: usize) -> Result<Move, String> {
    let Some(decision) = looked.decisions.get(place) else { return Err("it was not looked at".to_owned()) };
    match workload.strategy {
        Move::Retire => return Err(format!("its workload is retired: {}", decision.why)),
        Move::Retain => {
            let why = workload.reasons.get(1).or(workload.reasons.first()).map(|reason| reason.says.as_str());
            return Err(format!("its workload stays where it is: {}", why.unwrap_or("nothing of it moves")));
        }
        _ => {}
    }
    match decision.way {
        Move::Retire => Err(format!("it is retired: {}", decision.why)),
        Move::Retain => Err(format!("it stays where it is: {}", decision.why)),
        way if is_moving(way) || way == Move::Follows => Ok(way),
        _ => Err(decision.why.clone()),
    }
}

/// Every resource, in a wave or not.
pub fn all(looked: &Looked, workloads: &[Workload], wave_of: &[Option<usize>]) -> (Vec<Item>, Vec<LeftOut>) {
    let (mut items, mut left) = (Vec::new(), Vec::new());
    for (place, resource) in looked.estate.all().iter().enumerate() {
        let group = looked.group_of.get(place).copied().unwrap_or_default();
        let Some(workload) = workloads.get(group) else { continue };
        let moved = moves(looked, workload, place);
        match (moved, wave_of.get(group).copied().flatten()) {
            (Ok(way), Some(wave)) => items.push(Item {
                id: resource.id.clone(),
                kind: resource.kind.to_string(),
                provider: resource.provider,
                account: resource.account.clone(),
                region: resource.region.clone(),
                workload: workload.name.clone(),
                wave,
                way,
                note: looked.decisions.get(place).and_then(|decision| decision.note.clone()),
                mark: mark(resource),
                facts: facts_of(resource),
            }),
            (moved, _) => left.push(LeftOut {
                id: resource.id.clone(),
                kind: resource.kind.to_string(),
                workload: workload.name.clone(),
                why: moved.err().unwrap_or_else(|| "nothing of its workload moves".to_owned()),
            }),
        }
    }
    (items, left)
}

/// The items as the output has them: themselves, or the artefact that holds them once they are more than it has room
/// for.
///
/// # Errors
///
/// If the artefact cannot be written.
pub fn told(items: Vec<Item>) -> Result<(Vec<Item>, Vec<String>), Failure> {
    let mut bytes = 0;
    for item in &items {
        bytes += serde_json::to_vec(item)?.len();
    }
    if bytes <= ITEMS_BYTES_MAX {
        return Ok((items, Vec::new()));
    }
    let mut artefact = artifacts::create("items.jsonl", "application/jsonl")?;
    for item in &items {
        serde_json::to_writer(&mut artefact, item)?;
        artefact.write_all(b"\n")?;
    }
    Ok((Vec::new(), vec![artefact.finish()?.name]))
}

/// The value of the tag that what a resource becomes bears: short, and of letters that every cloud takes in a label.
pub fn mark(resource: &Resource) -> String {
    format!("m-{}", digest(&resource.key().to_string()))
}

fn digest(text: &str) -> String {
    let digest = Sha256::digest(text);
    hex::encode(digest.get(..DIGEST_BYTES).unwrap_or_default())
}

/// What a resource looks like, as far as its target depends on it.
pub fn facts_of(resource: &Resource) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut keep = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let value = if value.chars().count() > FACT_CHARS_MAX { digest(&value) } else { value };
            facts.insert(name.to_owned(), value);
        }
    };
    keep("size", facts::size(resource).map(str::to_owned));
    keep("gib", facts::gib(resource).map(|gib| gib.to_string()));
    for name in ["engine", "engine_version", "database_version", "version", "storage_class", "runtime", "type"] {
        keep(name, facts::text(resource, &[name]).map(str::to_owned));
    }
    keep("cidrs", Some(facts::cidrs(resource).join(" ")));
    for name in ["ingress", "egress", "rules", "security_rules"] {
        keep(name, facts::value(resource, &[name]).map(ToString::to_string));
    }
    let mut related: Vec<String> =
        resource.relations.iter().map(|relation| format!("{} {}", relation.kind, relation.target)).collect();
    related.sort();
    keep("relations", Some(related.join("\n")).filter(|text| !text.is_empty()).map(|text| digest(&text)));
    facts
}
