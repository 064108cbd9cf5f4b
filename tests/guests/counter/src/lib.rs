//! Keeps numbers and bytes in state: the deployment's, or that of the instance which the task is
//! for.

use std::time::Duration;

use troupe_sdk::prelude::*;
use troupe_sdk::state::Space;

#[derive(Default)]
struct Counter;

#[derive(Deserialize, JsonSchema)]
struct Key {
    /// The key in state.
    key: String,
    /// Whether the key is the instance's; else it is the deployment's.
    #[serde(default)]
    instance: bool,
}

#[derive(Serialize, JsonSchema)]
struct Count {
    count: u64,
}

#[derive(Serialize, JsonSchema)]
struct Found {
    /// The value, as text; none if the key is absent.
    value: Option<String>,
    /// The revision that wrote it.
    revision: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
struct Put {
    key: String,
    value: String,
    /// Whether the key is the instance's; else it is the deployment's.
    #[serde(default)]
    instance: bool,
}

#[derive(Deserialize, JsonSchema)]
struct PutBytes {
    key: String,
    /// How many bytes to write.
    bytes: usize,
    /// Whether the key is the instance's; else it is the deployment's.
    #[serde(default)]
    instance: bool,
}

#[derive(Deserialize, JsonSchema)]
struct CompareAndSet {
    key: String,
    /// The revision that the key should be at; none if it should be absent.
    #[serde(default)]
    expected: Option<u64>,
    value: String,
    /// Whether the key is the instance's; else it is the deployment's.
    #[serde(default)]
    instance: bool,
}

#[derive(Deserialize, JsonSchema)]
struct Add {
    key: String,
    delta: i64,
    /// Whether the key is the instance's; else it is the deployment's.
    #[serde(default)]
    instance: bool,
}

#[derive(Serialize, JsonSchema)]
struct Added {
    sum: i64,
}

#[derive(Deserialize, JsonSchema)]
struct PutFor {
    key: String,
    value: String,
    /// How long it stays, in milliseconds.
    ms: u64,
    /// Whether the key is the instance's; else it is the deployment's.
    #[serde(default)]
    instance: bool,
}

#[derive(Deserialize, JsonSchema)]
struct Expire {
    key: String,
    /// How long it stays, in milliseconds; for good if absent.
    #[serde(default)]
    ms: Option<u64>,
    /// Whether the key is the instance's; else it is the deployment's.
    #[serde(default)]
    instance: bool,
}

#[derive(Serialize, JsonSchema)]
struct Written {
    revision: u64,
}

#[derive(Serialize, JsonSchema)]
struct Swapped {
    /// The new revision, if it was written.
    revision: Option<u64>,
    /// Whether another write came first.
    conflict: bool,
    /// The revision that was found, if another write came first and the key is there.
    found: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
struct Deleted {
    was_there: bool,
}

#[derive(Deserialize, JsonSchema)]
struct List {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    after: Option<String>,
    limit: u32,
    /// Whether the key is the instance's; else it is the deployment's.
    #[serde(default)]
    instance: bool,
}

#[derive(Serialize, JsonSchema)]
struct Listed {
    keys: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Sum {
    /// The keys of the numbers.
    keys: Vec<String>,
}

/// The keys that are meant.
const fn keys(instance: bool) -> Space {
    if instance { Space::Instance } else { Space::Deployment }
}

#[troupe_sdk::agent]
impl Counter {
    /// Adds up the numbers under some keys; an absent one counts nothing.
    #[skill(effect = "read")]
    fn sum(&self, input: Sum) -> Result<Count, Failure> {
        let mut count = 0;
        for key in &input.keys {
            count += state::get_json::<u64>(key)?.unwrap_or(0);
        }
        Ok(Count { count })
    }

    /// Adds one to the number under a key, however many do so at once.
    #[skill(effect = "write")]
    fn increment(&self, input: Key) -> Result<Count, Failure> {
        let count = keys(input.instance).update_json(&input.key, |count: Option<u64>| Ok(count.unwrap_or(0) + 1))?;
        Ok(Count { count })
    }

    /// Reads the text under a key.
    #[skill(effect = "read")]
    fn get(&self, input: Key) -> Result<Found, Failure> {
        let Some(entry) = keys(input.instance).get(&input.key)? else {
            return Ok(Found { value: None, revision: None });
        };
        let value = String::from_utf8(entry.value).map_err(Failure::failed)?;
        Ok(Found { value: Some(value), revision: Some(entry.revision) })
    }

    /// Writes text under a key.
    #[skill(effect = "write")]
    fn put(&self, input: Put) -> Result<Written, Failure> {
        Ok(Written { revision: keys(input.instance).set(&input.key, input.value)? })
    }

    /// Writes a number of bytes under a key, to meet the limits.
    #[skill(effect = "write")]
    fn put_bytes(&self, input: PutBytes) -> Result<Written, Failure> {
        Ok(Written { revision: keys(input.instance).set(&input.key, vec![b'x'; input.bytes])? })
    }

    /// Writes text under a key if its revision is the expected one.
    #[skill(effect = "write")]
    fn compare_and_set(&self, input: CompareAndSet) -> Result<Swapped, Failure> {
        match keys(input.instance).compare_and_set(&input.key, input.expected, input.value) {
            Ok(revision) => Ok(Swapped { revision: Some(revision), conflict: false, found: None }),
            Err(CapabilityError::Conflict(found)) => Ok(Swapped { revision: None, conflict: true, found }),
            Err(other) => Err(other.into()),
        }
    }

    /// Adds to the number under a key, in one call.
    #[skill(effect = "write")]
    fn add(&self, input: Add) -> Result<Added, Failure> {
        Ok(Added { sum: keys(input.instance).increment(&input.key, input.delta)? })
    }

    /// Writes text under a key for a while.
    #[skill(effect = "write")]
    fn put_for(&self, input: PutFor) -> Result<Written, Failure> {
        let revision = keys(input.instance).set_with_ttl(&input.key, input.value, Duration::from_millis(input.ms))?;
        Ok(Written { revision })
    }

    /// Says how long a key stays.
    #[skill(effect = "write")]
    fn expire(&self, input: Expire) -> Result<Deleted, Failure> {
        Ok(Deleted { was_there: keys(input.instance).expire(&input.key, input.ms.map(Duration::from_millis))? })
    }

    /// Deletes a key.
    #[skill(effect = "destructive")]
    fn delete(&self, input: Key) -> Result<Deleted, Failure> {
        Ok(Deleted { was_there: keys(input.instance).delete(&input.key)? })
    }

    /// Names the instance that the task is for.
    #[skill(effect = "read")]
    fn instance(&self) -> Result<Option<String>, Failure> {
        Ok(invocation::instance())
    }

    /// Lists keys.
    #[skill(effect = "read")]
    fn list(&self, input: List) -> Result<Listed, Failure> {
        Ok(Listed { keys: keys(input.instance).list_keys(&input.prefix, input.after.as_deref(), input.limit)? })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use troupe_sdk::test::{self, Host};

    use super::*;

    #[test]
    fn an_increment_counts_over_a_rivals_write() {
        let _host = Host::start().stored("n", "1").rival_write("n", "5");
        assert_eq!(test::perform::<Counter>("increment", json!({ "key": "n" })), Ok(json!({ "count": 6 })));
    }

    #[test]
    fn an_increment_of_an_instance_leaves_the_deployment_s_number_alone() {
        let host = Host::start().instance("i").stored("n", "1").stored_in_instance("n", "5");
        let input = json!({ "key": "n", "instance": true });
        assert_eq!(test::perform::<Counter>("increment", input), Ok(json!({ "count": 6 })));
        assert_eq!(host.value("n").unwrap(), b"1");
    }

    #[test]
    fn a_compare_and_set_tells_what_it_found() {
        let _host = Host::start().stored("n", "1");
        let answer = test::perform::<Counter>("compare_and_set", json!({ "key": "n", "value": "2" }));
        assert_eq!(answer, Ok(json!({ "revision": null, "conflict": true, "found": 1 })));
    }
}
