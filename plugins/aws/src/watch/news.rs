//! Telling changes: an event for each.
//!
//! The topic is the resource's type and what became of it, such as `aws.ec2.instance.gone`; the data are those
//! of a change of `changes`, without what moves by itself. The id is made of the scan before and of all that
//! the event says: the same change since the same scan has the same id, and the bus keeps it once, in
//! whichever run; the same change another time, since another scan, has another.

use sha2::{Digest, Sha256};
use troupe_estate::Resource;
use troupe_estate::diff::Change;
use troupe_sdk::prelude::*;

/// Longest data, in bytes: an event may have 256 KiB, and has attributes beside them.
const DATA_BYTES_MAX: usize = 240 * 1024;

/// Longest subject that the bus takes, in bytes.
const SUBJECT_BYTES_MAX: usize = 1_024;

/// How many changes were told, and how many not yet.
#[derive(Debug, Default)]
pub struct News {
    /// Events that were published.
    pub published: u64,
    /// Events that there was no room for.
    pub put_off: u64,
}

impl News {
    /// Publishes a change since a scan; says whether there was room for it.
    ///
    /// # Errors
    ///
    /// What the bus says, but that there is no room.
    pub fn tell(&mut self, scan: &str, change: &Change<Resource>) -> Result<bool, Failure> {
        // Whoever has met the limit once is not heard again in this task.
        if self.put_off == 0 && publish(scan, change)? {
            self.published += 1;
            return Ok(true);
        }
        self.put_off += 1;
        Ok(false)
    }
}

/// Publishes a change; says whether there was room for it.
fn publish(scan: &str, change: &Change<Resource>) -> Result<bool, Failure> {
    let resource = change.entry();
    let topic = format!("{}.{}", resource.kind, change.name());
    let mut data = serde_json::to_string(change)?;
    let id = hex::encode(Sha256::digest(format!("{scan}\n{topic}\n{data}")));
    if data.len() > DATA_BYTES_MAX {
        data = serde_json::to_string(&outline(change.clone()))?;
    }
    let reference = resource.reference();
    let mut event = events::publish(topic).data(serde_json::value::RawValue::from_string(data)?).id(id);
    if reference.full_name().len() <= SUBJECT_BYTES_MAX {
        event = event.subject(reference.full_name());
    }
    match event.send() {
        Ok(_) => Ok(true),
        Err(CapabilityError::Limit(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A change that says which resource it is about and in what it differs, and no more.
fn outline(change: Change<Resource>) -> Change<Resource> {
    let bare = |mut resource: Resource| {
        resource.attributes.clear();
        resource.tags.clear();
        resource.relations.clear();
        resource.unread(&["attributes", "tags", "relations"]);
        resource
    };
    match change {
        Change::New { now } => Change::New { now: bare(now) },
        Change::Changed { before, now, fields } => Change::Changed { before: bare(before), now: bare(now), fields },
        Change::Gone { before } => Change::Gone { before: bare(before) },
        other => other,
    }
}
