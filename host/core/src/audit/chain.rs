//! Following a chain, record by record.
//!
//! Whoever verifies needs nobody's word: it recomputes each hash from what the record says.

use std::fmt;

use super::Fields;
use crate::view::{AuditHead, AuditRecord};
use crate::{Digest, TenantId};

/// A tenant's chain, as far as it was followed.
#[derive(Debug, Clone)]
pub struct Chain {
    tenant: String,
    seq: u64,
    hash: String,
}

/// Where a chain breaks, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// A record is not there; the one that comes next is named, if there is one.
    Missing {
        /// The number of the first one that is not there.
        seq: u64,
        /// The number of what comes instead.
        next: Option<u64>,
    },
    /// What the record says does not give its hash.
    Changed {
        /// Its number.
        seq: u64,
    },
    /// The record holds another hash than that of the one before it.
    Unlinked {
        /// Its number.
        seq: u64,
    },
    /// The record is one of another tenant.
    Foreign {
        /// Its number.
        seq: u64,
    },
    /// The record is another than the one that was noted.
    Other {
        /// Its number.
        seq: u64,
    },
}

impl Broken {
    /// The number of the record at which the chain breaks.
    pub const fn seq(&self) -> u64 {
        match self {
            Self::Missing { seq, .. }
            | Self::Changed { seq }
            | Self::Unlinked { seq }
            | Self::Foreign { seq }
            | Self::Other { seq } => *seq,
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { seq, next: Some(next) } if next < seq => {
                write!(f, "record {next} is there again where record {seq} should be")
            }
            Self::Missing { seq, next: Some(next) } => {
                write!(f, "record {seq} is missing: after record {} comes record {next}", seq.saturating_sub(1))
            }
            Self::Missing { seq, next: None } => {
                write!(f, "record {seq} is missing: the chain ends at record {}", seq.saturating_sub(1))
            }
            Self::Changed { seq } => write!(f, "record {seq} was changed: what it says does not give its hash"),
            Self::Unlinked { seq } => write!(
                f,
                "record {seq} does not follow on record {}: it holds another hash than that of the one before it",
                seq.saturating_sub(1)
            ),
            Self::Foreign { seq } => write!(f, "record {seq} is one of another tenant"),
            Self::Other { seq } => write!(f, "record {seq} is another than the one that was noted"),
        }
    }
}

impl Chain {
    /// A chain of which nothing was followed yet.
    pub fn new(tenant: &TenantId) -> Self {
        Self { tenant: tenant.to_string(), seq: 0, hash: Self::start(tenant).to_string() }
    }

    /// What the first record of a tenant holds in place of a hash.
    pub fn start(tenant: &TenantId) -> Digest {
        Fields::new("troupe.audit.chain.1").with(Some(tenant.as_str())).finish()
    }

    /// Follows the chain to its next record.
    ///
    /// # Errors
    /// How it breaks there; then nothing was followed.
    pub fn follow(&mut self, record: &AuditRecord) -> Result<(), Broken> {
        let seq = self.seq + 1;
        if record.seq != seq {
            return Err(Broken::Missing { seq, next: Some(record.seq) });
        }
        if record.tenant != self.tenant {
            return Err(Broken::Foreign { seq });
        }
        if record.hash != record.right_hash().to_string() {
            return Err(Broken::Changed { seq });
        }
        if record.previous != self.hash {
            return Err(Broken::Unlinked { seq });
        }
        self.seq = seq;
        self.hash.clone_from(&record.hash);
        Ok(())
    }

    /// How far the chain was followed.
    pub fn head(&self) -> AuditHead {
        AuditHead { tenant: self.tenant.clone(), seq: self.seq, hash: self.hash.clone() }
    }

    /// Holds the record that was followed last against a head that was noted.
    ///
    /// # Errors
    /// [`Broken::Other`], if it has the same number and another hash.
    pub fn hold_against(&self, noted: &AuditHead) -> Result<(), Broken> {
        if noted.seq == self.seq && noted.hash != self.hash { Err(Broken::Other { seq: self.seq }) } else { Ok(()) }
    }

    /// Checks, at the end of the chain, that it goes as far as a head that was noted.
    ///
    /// # Errors
    /// [`Broken::Missing`].
    pub fn reaches(&self, noted: &AuditHead) -> Result<(), Broken> {
        if noted.seq > self.seq { Err(Broken::Missing { seq: self.seq + 1, next: None }) } else { Ok(()) }
    }
}

impl AuditRecord {
    /// The hash that belongs to what the record says, whatever it holds as its hash.
    pub fn right_hash(&self) -> Digest {
        let number = |number: u64| Some(number.to_string());
        Fields::new("troupe.audit.record.1")
            .with(Some(&self.tenant))
            .with(number(self.seq))
            .with(Some(self.at.as_millis().to_string()))
            .with(Some(&self.kind))
            .with(self.code.as_ref())
            .with(self.principal.as_ref())
            .with(self.agent.as_ref())
            .with(self.version.as_ref())
            .with(self.digest.as_ref())
            .with(self.task.as_ref())
            .with(self.attempt.map(|attempt| attempt.to_string()))
            .with(number(self.times))
            .with(Some(self.details_text()))
            .with(self.journal.as_ref())
            .with(Some(&self.previous))
            .finish()
    }

    /// The details as JSON, names in order, without white space.
    pub fn details_text(&self) -> String {
        // Names are texts and values are JSON, so there is nothing that cannot be written.
        serde_json::to_string(&self.details).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::audit::{AuditEntry, AuditKind};
    use crate::{Code, Timestamp};

    fn tenant() -> TenantId {
        "acme".parse().unwrap()
    }

    fn records(count: u64) -> Vec<AuditRecord> {
        let mut chain = Chain::new(&tenant());
        let mut records = Vec::new();
        for n in 1..=count {
            let mut entry = AuditEntry::new(AuditKind::Denied)
                .by(Some("owner"))
                .of(&"echo".parse().unwrap())
                .on(&"1.0.0".parse().unwrap(), Digest::of(b"release"))
                .with("host", "https://example.com")
                .with("call", "http");
            entry.code = Some(Code::DeniedCapability);
            entry.invocation = Some(("0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b".parse().unwrap(), 1));
            entry.journal = Some(Digest::of(b"journal"));
            let at = Timestamp::from_millis(1_763_600_000_000);
            let record = entry.record(&tenant(), n, at, chain.head().hash);
            chain.follow(&record).unwrap();
            records.push(record);
        }
        records
    }

    fn broken(records: &[AuditRecord]) -> Option<Broken> {
        let mut chain = Chain::new(&tenant());
        records.iter().find_map(|record| chain.follow(record).err())
    }

    /// Computed apart from this code, by the header of `audit.rs` alone.
    #[test]
    fn the_formula_stays_as_it_is() {
        let record = &records(1)[0];
        insta::assert_snapshot!(record.details_text(), @r#"{"call":"http","host":"https://example.com"}"#);
        insta::assert_snapshot!(record.previous, @"sha256:ffb1fd14dd2928eb050b6e64242fbf294a63c13f7215af45f52db8ad2bab0240");
        insta::assert_snapshot!(record.hash, @"sha256:fc558b3e3dba325922d48422b9c8b464640fd99096dea37e50170ff7f86866c4");
    }

    #[test]
    fn a_change_of_any_field_is_told_with_the_number() {
        let good = records(3);
        assert_eq!(broken(&good), None);
        let document = serde_json::to_value(&good[1]).unwrap();
        for (name, value) in document.as_object().unwrap() {
            let mut changed = document.clone();
            changed[name] = match value {
                serde_json::Value::String(text) if text.starts_with("sha256:") => {
                    Digest::of(text.as_bytes()).to_string().into()
                }
                serde_json::Value::String(text) if name == "at" => text.replace("2025", "2024").into(),
                serde_json::Value::String(text) => format!("{text}x").into(),
                serde_json::Value::Number(number) => (number.as_u64().unwrap() + 7).into(),
                _ => json!({ "call": "http", "host": "https://example.org" }),
            };
            let mut records = good.clone();
            records[1] = serde_json::from_value(changed).unwrap();
            let found = broken(&records).unwrap_or_else(|| panic!("a change of {name} is not seen"));
            assert_eq!(found.seq(), 2, "{name}");
        }
        // Facts that are left out are not the same as empty ones.
        let mut records = good.clone();
        records[1].code = None;
        let none = records[1].right_hash();
        records[1].code = Some(String::new());
        assert_ne!(none, records[1].right_hash());
    }

    #[test]
    fn whoever_makes_the_hash_fit_breaks_the_next_link() {
        let mut records = records(3);
        records[1].principal = Some("nobody".to_owned());
        records[1].hash = records[1].right_hash().to_string();
        insta::assert_snapshot!(broken(&records).unwrap(), @"record 3 does not follow on record 2: it holds another hash than that of the one before it");
    }

    #[test]
    fn what_is_missing_doubled_exchanged_or_anothers_is_told() {
        let good = records(4);
        let told = |order: &[usize]| {
            let records: Vec<_> = order.iter().map(|n| good[*n].clone()).collect();
            broken(&records).map(|broken| broken.to_string()).unwrap_or_default()
        };
        insta::assert_snapshot!(told(&[0, 2, 3]), @"record 2 is missing: after record 1 comes record 3");
        insta::assert_snapshot!(told(&[0, 1, 1, 2]), @"record 2 is there again where record 3 should be");
        insta::assert_snapshot!(told(&[0, 2, 1, 3]), @"record 2 is missing: after record 1 comes record 3");
        let mut exchanged = good.clone();
        exchanged.swap(1, 2);
        (exchanged[1].seq, exchanged[2].seq) = (2, 3);
        insta::assert_snapshot!(broken(&exchanged).unwrap(), @"record 2 was changed: what it says does not give its hash");
        let mut other = Chain::new(&"other".parse().unwrap());
        insta::assert_snapshot!(other.follow(&good[0]).unwrap_err(), @"record 1 is one of another tenant");
    }

    #[test]
    fn a_cut_tail_and_another_chain_are_seen_by_a_head_that_was_noted() {
        let good = records(4);
        let mut chain = Chain::new(&tenant());
        for record in &good[..2] {
            chain.follow(record).unwrap();
        }
        let noted = chain.head();
        assert_eq!((chain.hold_against(&noted), chain.reaches(&noted)), (Ok(()), Ok(())));
        let noted = AuditHead { seq: 4, hash: good[3].hash.clone(), ..noted };
        insta::assert_snapshot!(chain.reaches(&noted).unwrap_err(), @"record 3 is missing: the chain ends at record 2");
        let noted = AuditHead { seq: 2, ..noted };
        insta::assert_snapshot!(chain.hold_against(&noted).unwrap_err(), @"record 2 is another than the one that was noted");
    }

    proptest! {
        #[test]
        fn no_two_lists_of_fields_give_the_same_hash(
            a in prop::collection::vec(prop::option::of(".{0,3}"), 0..4),
            b in prop::collection::vec(prop::option::of(".{0,3}"), 0..4),
        ) {
            let hash = |fields: &[Option<String>]| {
                fields.iter().fold(Fields::new("x"), |hash, field| hash.with(field.as_ref())).finish()
            };
            prop_assert_eq!(hash(&a) == hash(&b), a == b);
        }
    }
}
