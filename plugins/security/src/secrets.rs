//! Secrets in the text of documents.
//!
//! What is found is never told: a finding has the file, the line and the kind of secret. What tells two secrets in
//! one file apart is sixteen bits of a hash of them, from which nobody learns a password.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use troupe_estate::{Finding, GLOBAL, Place, Resource, Severity};

use crate::read::Document;
use crate::rule::Catalogue;

/// The topic whose controls secrets are about.
pub const TOPIC: &str = "secrets";
/// What to do about one.
pub const FIX: &str = "Revoke it where it is valid, since whoever could read the file has it; keep the new one in a store of secrets and refer to it.";
/// The type of what is searched.
const DOCUMENT: &str = "document.text";
/// Most findings of one kind in one file.
const FOUND_MAX: usize = 100;

/// What was found.
#[derive(Default)]
pub struct Found {
    /// The rules that were applied.
    pub applied: Vec<String>,
    /// The secrets.
    pub findings: Vec<Finding>,
    /// In how many documents a rule found nothing.
    pub passed: BTreeMap<String, u64>,
}

/// Searches documents, line by line.
pub fn search(documents: &[Document], catalogue: &Catalogue, is_asked: &dyn Fn(&str) -> bool) -> Found {
    let mut found = Found::default();
    let patterns: Vec<_> = catalogue.patterns.iter().filter(|pattern| is_asked(&pattern.id)).collect();
    found.applied = patterns.iter().map(|pattern| pattern.id.clone()).collect();
    let frameworks = catalogue.frameworks.of_topic(TOPIC).unwrap_or_default();
    for document in documents {
        let resource = Resource::new(DOCUMENT, GLOBAL, document.name.as_str()).name(&document.name);
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (line, number) in document.text.lines().zip(1_u32..) {
            let lower = line.to_ascii_lowercase();
            for pattern in &patterns {
                let Some(secret) = pattern.find_near(line, &lower) else { continue };
                let count = counts.entry(&pattern.id).or_default();
                *count += 1;
                if *count > FOUND_MAX {
                    continue;
                }
                let hash = hex::encode(Sha256::digest(secret)).chars().take(4).collect::<String>();
                let title = format!("{} stands in a document", pattern.title);
                let mut finding = Finding::new(&pattern.id, &title, Severity::High, resource.reference(), &hash);
                finding.fix = FIX.to_owned();
                finding.frameworks.clone_from(&frameworks);
                finding.place = Some(Place { file: document.name.clone(), line: Some(number) });
                found.findings.push(finding.seen("letters", secret.chars().count()));
            }
        }
        for pattern in &patterns {
            if !counts.contains_key(pattern.id.as_str()) {
                *found.passed.entry(pattern.id.clone()).or_default() += 1;
            }
        }
    }
    found
}
