//! Secrets in the text of documents.
//!
//! What is found is never told: a finding has the file, the line and the kind of secret. What tells two secrets in
//! one file apart is sixteen bits of a hash of them, from which nobody learns a password.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};
use troupe_estate::{Finding, Framework, GLOBAL, Place, Problem, ProblemKind, Resource, Severity};

use crate::check::Tally;
use crate::judge::{Pattern, pieces};
use crate::read::{Document, Read};

/// The topic whose controls secrets are about.
pub const TOPIC: &str = "secrets";
/// What to do about one.
pub const FIX: &str = "Revoke it where it is valid, since whoever could read the file has it; keep the new one in a store of secrets and refer to it.";
/// The type of what is searched.
const DOCUMENT: &str = "document.text";
/// The code of the problem that there are more secrets in a file than are told.
pub const TOO_MANY: &str = "too_many_secrets";
/// Most findings of one kind in one file.
const FOUND_MAX: usize = 100;

/// What searching came to, beside what was found.
#[derive(Debug, Default)]
pub struct Tallies {
    /// What each pattern came to, by its id.
    pub by_pattern: BTreeMap<String, Tally>,
    /// Where there are more than are told.
    pub problems: Vec<Problem>,
}

/// Searches a document, line by line; the same secret is told once, where it stands first.
pub fn search(
    document: &Document,
    patterns: &[&Pattern],
    controls: &[Framework],
    tallies: &mut Tallies,
) -> Vec<Finding> {
    let resource = Resource::new(DOCUMENT, GLOBAL, document.name.as_str()).name(&document.name);
    let mut found = Vec::new();
    // Of each pattern the hashes of what it found.
    let mut hashes: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (line, number) in document.text.lines().zip(1_u32..) {
        for piece in pieces(line) {
            for (pattern, secret) in patterns.iter().flat_map(|one| one.find(&piece).map(move |it| (one, it))) {
                let hash = hex::encode(Sha256::digest(secret)).chars().take(4).collect::<String>();
                let known = hashes.entry(&pattern.id).or_default();
                if known.len() > FOUND_MAX || !known.insert(hash.clone()) || known.len() > FOUND_MAX {
                    continue;
                }
                let title = format!("{} stands in a document", pattern.title);
                let mut finding = Finding::new(&pattern.id, &title, Severity::High, resource.reference(), &hash);
                finding.fix = FIX.to_owned();
                finding.frameworks = controls.to_vec();
                finding.place = Some(Place { file: document.name.clone(), line: Some(number) });
                found.push(finding.seen("letters", secret.chars().count()));
            }
        }
    }
    let mut noted = Read::default();
    for pattern in patterns {
        match hashes.get(pattern.id.as_str()).map(BTreeSet::len) {
            None => tallies.by_pattern.entry(pattern.id.clone()).or_default().passed += 1,
            Some(count) if count > FOUND_MAX => {
                let why = format!("{} finds more than {FOUND_MAX}, of which the first are told", pattern.id);
                noted.note(&document.name, &pattern.id, TOO_MANY, why, ProblemKind::Failed);
            }
            Some(_) => {}
        }
    }
    tallies.problems.extend(noted.problems);
    found
}
