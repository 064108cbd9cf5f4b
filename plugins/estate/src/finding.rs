//! What a rule found at a resource.
//!
//! A finding says what is wrong and how bad it is, what exactly was seen ([`Evidence`]), what to do about it,
//! and what that is worth in a month. It is the same finding in every scan by its [`Fingerprint`]. A rule
//! that could not be decided is told as one whose status is `not_checked`, with the reason; it counts
//! neither as passed nor as failed.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::resource::Reference;
use crate::{Class, Fingerprint, Money, time};

/// What a rule found at a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What makes it the same in every scan; `fingerprint.rs` has the recipe.
    pub fingerprint: Fingerprint,
    /// The rule's id, such as `network.open-port`. Ids are never used again for another rule.
    pub rule: String,
    /// What is wrong, in a line.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it is so.
    pub status: Status,
    /// Why it was not checked, if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The resource it is about.
    pub resource: Reference,
    /// What the resource is in common words.
    #[serde(default)]
    pub class: Class,
    /// What tells it from what else the rule finds at this resource.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub discriminator: String,
    /// What was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fix: String,
    /// What doing it saves in a month, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saving: Option<Money>,
    /// The controls of frameworks that the rule is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frameworks: Vec<Framework>,
    /// Where the resource is written down, if it was read from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Why it is to be passed over, and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppression>,
}

/// How bad a finding is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Somebody can take or destroy something now.
    Critical,
    /// One more mistake, and somebody can.
    High,
    /// A guard is missing that others make up for.
    Medium,
    /// Not as it should be.
    Low,
    /// Good to know.
    Informational,
}

impl Severity {
    /// Every severity, the worst first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Informational];

    /// Its name, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Informational => "informational",
        }
    }
}

/// Whether what a rule looks for is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is so: something is wrong.
    Fail,
    /// Nobody could tell.
    NotChecked,
    /// It is not so.
    Pass,
}

impl Status {
    /// Its name, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::NotChecked => "not_checked",
            Self::Pass => "pass",
        }
    }
}

/// What was seen: an attribute and its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The attribute, such as `ingress[0].cidr`, or what was computed, such as `age_days`.
    pub attribute: String,
    /// Its value.
    pub value: Value,
    /// It changes by itself, as an age does; a comparison of scans passes over it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moving: bool,
}

/// A control of a framework.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Framework {
    /// The framework with its version: `CIS AWS Foundations Benchmark 3.0.0`.
    pub framework: String,
    /// The control: `2.1.1`.
    pub control: String,
}

/// Where something is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The file, by its path from where the scan began, with `/`.
    pub file: String,
    /// The line, from 1, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// Why a finding is to be passed over, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suppression {
    /// Why.
    pub reason: String,
    /// The last day, `2027-01-31`, or a time; for ever if there is none. What is no date is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl Finding {
    /// Makes a finding that a rule failed at a resource.
    pub fn new(rule: &str, title: &str, severity: Severity, resource: Reference, discriminator: &str) -> Self {
        Self {
            fingerprint: Fingerprint::new(rule, &resource, discriminator),
            rule: rule.to_owned(),
            title: title.to_owned(),
            severity,
            status: Status::Fail,
            reason: None,
            class: crate::class_of(&resource.kind),
            resource,
            discriminator: discriminator.to_owned(),
            evidence: Vec::new(),
            fix: String::new(),
            saving: None,
            frameworks: Vec::new(),
            place: None,
            suppressed: None,
        }
    }

    /// Says that nobody could tell, and why.
    #[must_use]
    pub fn not_checked(mut self, reason: &str) -> Self {
        self.status = Status::NotChecked;
        self.reason = Some(reason.to_owned());
        self
    }

    /// Says that it is not so.
    #[must_use]
    pub fn passed(mut self) -> Self {
        self.status = Status::Pass;
        self
    }

    /// Adds what was seen.
    #[must_use]
    pub fn seen(mut self, attribute: &str, value: impl Into<Value>) -> Self {
        self.evidence.push(Evidence { attribute: attribute.to_owned(), value: value.into(), moving: false });
        self
    }

    /// Adds what was seen and changes by itself.
    #[must_use]
    pub fn seen_moving(mut self, attribute: &str, value: impl Into<Value>) -> Self {
        self.evidence.push(Evidence { attribute: attribute.to_owned(), value: value.into(), moving: true });
        self
    }

    /// Reports whether it is passed over now: suppressed, and not yet over.
    pub fn is_suppressed(&self, now: Timestamp) -> bool {
        let until =
            |suppression: &Suppression| suppression.until.as_deref().is_none_or(|until| !time::is_over(until, now));
        self.suppressed.as_ref().is_some_and(until)
    }

    /// Reports whether it is to be dealt with now: it failed and is not passed over.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.status == Status::Fail && !self.is_suppressed(now)
    }

    /// Reports whether the fingerprint is that of the other fields, as it is unless somebody changed them.
    pub fn is_genuine(&self) -> bool {
        self.fingerprint == Fingerprint::new(&self.rule, &self.resource, &self.discriminator)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Resource;

    fn finding() -> Finding {
        let bucket = Resource::new("aws.s3.bucket", "eu-west-1", "reports").account(Some("111122223333".to_owned()));
        Finding::new("storage.public", "The bucket is public", Severity::High, bucket.reference(), "")
    }

    #[test]
    fn a_finding_is_told_in_the_documented_form_and_reads_back() {
        let found = finding().seen("acl", "public-read").seen_moving("age_days", 4);
        let told = json!({
            "fingerprint": found.fingerprint, "rule": "storage.public", "title": "The bucket is public",
            "severity": "high", "status": "fail",
            "resource": { "id": "reports", "provider": "aws", "type": "aws.s3.bucket",
                "account": "111122223333", "region": "eu-west-1" },
            "class": "storage.bucket",
            "evidence": [{ "attribute": "acl", "value": "public-read" },
                { "attribute": "age_days", "value": 4, "moving": true }],
        });
        assert_eq!(serde_json::to_value(&found).unwrap(), told);
        assert_eq!(serde_json::from_value::<Finding>(told).unwrap(), found);
    }

    #[test]
    fn the_fingerprint_survives_whatever_is_not_what_it_is_about() {
        let mut other = finding().seen("acl", "public-read-write").not_checked("denied");
        other.severity = Severity::Low;
        other.title = "Otherwise said".to_owned();
        other.resource.name = Some("renamed".to_owned());
        assert_eq!(other.fingerprint, finding().fingerprint);
        assert!(other.is_genuine());
        other.resource.id = "another".to_owned();
        assert!(!other.is_genuine());
    }

    #[test]
    fn a_suppression_ends() {
        let mut found = finding();
        let now: Timestamp = "2027-01-31T10:00:00Z".parse().unwrap();
        assert!(found.is_open(now));
        for (until, open) in
            [(None, false), (Some("2027-01-31"), false), (Some("2027-01-30"), true), (Some("soon"), true)]
        {
            found.suppressed = Some(Suppression { reason: "known".to_owned(), until: until.map(str::to_owned) });
            assert_eq!(found.is_open(now), open, "{until:?}");
        }
        assert!(!finding().passed().is_open(now));
    }
}
