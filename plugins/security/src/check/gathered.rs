//! What is kept of findings while they go by: how many there are, the worst of them, and all of them as artefacts once
//! they are more than are told.

use std::collections::BTreeMap;
use std::io;

use jiff::Timestamp;
use troupe_estate::collect::{Part, Sink, Summary};
use troupe_estate::{Finding, Severity};
use troupe_sdk::prelude::*;

/// Memory in which findings wait to be left, in bytes. A part of an artefact takes a quarter of it, so that the fifty
/// that the manifest asks for hold what it asks for in bytes.
const PARTS_BYTES: usize = 80 * 1024 * 1024;

/// The worst findings: the open ones before those that are passed over, then by severity, rule and resource.
pub struct Worst {
    findings: Vec<Finding>,
    most: usize,
    now: Timestamp,
}

impl Worst {
    /// Keeps so many.
    pub const fn new(most: usize, now: Timestamp) -> Self {
        Self { findings: Vec::new(), most, now }
    }

    /// Takes a finding, and lets go of one that is not among the worst.
    pub fn take(&mut self, finding: Finding) {
        self.findings.push(finding);
        if self.findings.len() > 2 * self.most {
            self.settle();
        }
    }

    /// Puts them in order, the worst first, and lets go of those that are not among them.
    pub fn settle(&mut self) {
        let now = self.now;
        let key = |finding: &Finding| (!finding.is_open(now), finding.severity);
        self.findings.sort_by(|one, other| {
            key(one)
                .cmp(&key(other))
                .then_with(|| one.rule.cmp(&other.rule))
                .then_with(|| one.resource.id.cmp(&other.resource.id))
                .then_with(|| one.fingerprint.cmp(&other.fingerprint))
        });
        self.findings.truncate(self.most);
    }

    /// Those that are kept, in order once they are settled.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

/// How a part of an artefact is written.
type Write = fn(&Part, &[u8]) -> io::Result<()>;

/// What is told of findings.
pub struct Kept {
    /// How many are open, by severity.
    pub open: BTreeMap<Severity, u64>,
    /// The worst, the worst first.
    pub worst: Vec<Finding>,
    /// The artefacts that hold all of them, if they are more than are told.
    pub left: Option<Summary>,
}

/// What is kept of findings while they go by.
pub struct Gathered {
    open: BTreeMap<Severity, u64>,
    worst: Worst,
    /// Where all of them go, once they are more than are told.
    left: Option<Sink<Finding, Write>>,
}

impl Gathered {
    /// Tells so many of them.
    pub fn new(inline_max: usize, now: Timestamp) -> Self {
        Self { open: BTreeMap::new(), worst: Worst::new(inline_max, now), left: None }
    }

    /// Takes a finding.
    ///
    /// # Errors
    ///
    /// If artefacts cannot be written.
    pub fn take(&mut self, finding: Finding) -> Result<(), Failure> {
        if finding.is_open(self.worst.now) {
            *self.open.entry(finding.severity).or_default() += 1;
        }
        if self.left.is_none() && self.worst.findings.len() == self.worst.most {
            let left = self.left.insert(Sink::new("findings", PARTS_BYTES, leave));
            for before in &self.worst.findings {
                left.push(before).map_err(Failure::failed)?;
            }
        }
        if let Some(left) = &mut self.left {
            left.push(&finding).map_err(Failure::failed)?;
        }
        self.worst.take(finding);
        Ok(())
    }

    /// What is told of them.
    ///
    /// # Errors
    ///
    /// If artefacts cannot be written.
    pub fn finish(mut self) -> Result<Kept, Failure> {
        let left = self.left.map(Sink::finish).transpose().map_err(Failure::failed)?;
        self.worst.settle();
        Ok(Kept { open: self.open, worst: self.worst.findings, left })
    }
}

fn leave(part: &Part, text: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let mut artefact = artifacts::create(&part.name, "application/jsonl").map_err(io::Error::other)?;
    artefact.write_all(text)?;
    artefact.finish().map(|_| ()).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use troupe_estate::Resource;

    use super::*;
    use crate::ask::{Asked, Settings};
    use crate::check::{Check, Wanted};

    /// A group of which five ports are open to the world.
    fn group(number: usize) -> Resource {
        let rule = |port: u16| json!({ "protocol": "tcp", "from_port": port, "to_port": port, "cidrs": ["0.0.0.0/0"] });
        Resource::new("aws.ec2.security-group", "eu-west-1", format!("sg-{number:06}"))
            .with("description", Some("web"))
            .with("egress", Some(json!([])))
            .with("ingress", Some(json!([rule(22), rule(3389), rule(5432), rule(6379), rule(9200)])))
    }

    #[test]
    fn however_many_findings_there_are_few_are_held() {
        let most = |groups: usize| {
            let host = troupe_sdk::test::Host::start().at(std::time::UNIX_EPOCH).configuration(json!({}));
            let resources = (0..groups).map(group).collect();
            let asked = Asked { resources, ..Asked::default() };
            let check = Check::new(asked, &Settings::default(), Wanted::Everything).unwrap();
            let mut gathered = Gathered::new(100, check.now);
            let mut findings = check.findings();
            let (mut count, mut held_most) = (0_u64, 0);
            while let Some((_, finding)) = findings.next() {
                gathered.take(finding).unwrap();
                count += 1;
                held_most = held_most.max(findings.held() + gathered.worst.findings.len());
            }
            let Kept { worst, left, .. } = gathered.finish().unwrap();
            assert_eq!((worst.len(), left.unwrap().entries), (100, count));
            assert!(host.artifact("findings-00001.jsonl").is_some());
            (count, held_most)
        };
        let (few, held_of_few) = most(200);
        let (many, held_of_many) = most(4_000);
        assert!(few >= 1_000 && many >= 20_000, "{few} {many}");
        assert_eq!(held_of_many, held_of_few, "what is held does not grow with what is found");
        assert!(held_of_many <= 2 * 100 + super::super::verdict::EACH_MAX, "{held_of_many}");
    }
}
