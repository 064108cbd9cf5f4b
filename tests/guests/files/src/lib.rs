//! Reads and writes files as it is told, and tells how each call ended.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use troupe_sdk::files::{Directory, Kind};
use troupe_sdk::prelude::*;

#[derive(Default)]
struct Files;

#[derive(Deserialize, JsonSchema)]
struct Place {
    /// The directory, by its name in the grant.
    directory: String,
    #[serde(default)]
    path: String,
}

#[derive(Deserialize, JsonSchema)]
struct Write {
    directory: String,
    path: String,
    /// What to write.
    #[serde(default)]
    text: String,
    /// How often to write it, one after the other.
    #[serde(default)]
    repeat: Option<usize>,
}

#[derive(Deserialize, JsonSchema)]
struct List {
    directory: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    after: Option<String>,
    limit: u32,
}

#[derive(Deserialize, JsonSchema)]
struct Fill {
    directory: String,
    /// Files to write, at most.
    files: u32,
    /// Bytes of each.
    bytes: usize,
    /// How long to wait after each, in milliseconds.
    #[serde(default)]
    pause_ms: u64,
}

#[derive(Deserialize, JsonSchema)]
struct Many {
    directory: String,
    path: String,
    /// How often to read it.
    times: u32,
}

/// How a call ended: with a value, or with why not.
#[derive(Serialize, JsonSchema)]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The kind of the error, or its code where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Filled {
    /// How many files were written.
    written: u32,
    /// Why it is not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Told>,
}

#[derive(Serialize, JsonSchema)]
struct Seen {
    /// What was read, each text once.
    texts: Vec<String>,
    /// How often nothing was there, or it was refused.
    refused: u32,
}

fn told<T: Serialize>(result: Result<T, CapabilityError>) -> Told {
    match result {
        Ok(value) => Told { value: serde_json::to_value(value).ok(), error: None, code: None },
        Err(error) => {
            let code = match &error {
                CapabilityError::Denied(problem) => problem
                    .details
                    .as_ref()
                    .and_then(|details| details.get("code")?.as_str().map(str::to_owned))
                    .unwrap_or_else(|| "denied".to_owned()),
                CapabilityError::Limit(limit) => limit.code.clone(),
                CapabilityError::Invalid(_) => "invalid".to_owned(),
                CapabilityError::Conflict(_) => "conflict".to_owned(),
                CapabilityError::Cancelled(_) => "cancelled".to_owned(),
                CapabilityError::Unavailable(_) => "unavailable".to_owned(),
            };
            Told { value: None, error: Some(error.to_string()), code: Some(code) }
        }
    }
}

fn at(directory: &str) -> Directory {
    files::directory(directory)
}

#[troupe_sdk::agent]
impl Files {
    /// Reads a file as text; what is no text is replaced.
    #[skill(effect = "read")]
    fn read(&self, input: Place) -> Result<Told, Failure> {
        let read = at(&input.directory).read(&input.path);
        Ok(told(read.map(|bytes| bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))))
    }

    /// Reads the same file many times.
    #[skill(effect = "read")]
    fn read_many(&self, input: Many) -> Result<Seen, Failure> {
        let directory = at(&input.directory);
        let mut seen = Seen { texts: Vec::new(), refused: 0 };
        for _ in 0..input.times {
            match directory.read(&input.path) {
                Ok(Some(bytes)) => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    if !seen.texts.contains(&text) {
                        seen.texts.push(text);
                    }
                }
                _ => seen.refused += 1,
            }
        }
        Ok(seen)
    }

    /// Reads a file whose path is not UTF-8, which no string of a sound program is.
    #[skill(effect = "read")]
    fn read_overlong(&self, input: Place) -> Result<Told, Failure> {
        let path = [b"\xc0\xae\xc0\xae\xc0\xaf", input.path.as_bytes()].concat();
        Ok(told(raw::read(&input.directory, &path)))
    }

    /// Writes a file.
    #[skill(effect = "write")]
    fn write(&self, input: Write) -> Result<Told, Failure> {
        let text = input.text.repeat(input.repeat.unwrap_or(1));
        Ok(told(at(&input.directory).write(&input.path, text)))
    }

    /// Writes a file, though its class says that it only reads.
    #[skill(effect = "read")]
    fn write_as_reader(&self, input: Write) -> Result<Told, Failure> {
        Ok(told(at(&input.directory).write(&input.path, input.text)))
    }

    /// Writes files named `0`, `1` and so on until it is refused.
    #[skill(effect = "write")]
    fn fill(&self, input: Fill) -> Result<Filled, Failure> {
        let bytes = vec![b'x'; input.bytes];
        for number in 0..input.files {
            if let Err(error) = at(&input.directory).write(&number.to_string(), &bytes) {
                return Ok(Filled { written: number, why: Some(told::<()>(Err(error))) });
            }
            if input.pause_ms > 0 {
                std::thread::sleep(Duration::from_millis(input.pause_ms));
            }
        }
        Ok(Filled { written: input.files, why: None })
    }

    /// Tells what is at a path.
    #[skill(effect = "read")]
    fn stat(&self, input: Place) -> Result<Told, Failure> {
        let stat = at(&input.directory).stat(&input.path);
        Ok(told(stat.map(|stat| stat.map(|stat| (word(stat.kind), stat.size, since_epoch(stat.modified))))))
    }

    /// Lists a directory.
    #[skill(effect = "read")]
    fn list(&self, input: List) -> Result<Told, Failure> {
        let items = at(&input.directory).list(&input.path, input.after.as_deref(), input.limit);
        let item = |item: files::Item| (item.name, word(item.kind), item.size);
        Ok(told(items.map(|items| items.map(|items| items.into_iter().map(item).collect::<Vec<_>>()))))
    }

    /// Deletes a file or an empty directory.
    #[skill(effect = "destructive")]
    fn delete(&self, input: Place) -> Result<Told, Failure> {
        Ok(told(at(&input.directory).delete(&input.path)))
    }
}

/// Seconds since the Unix epoch, before it or after.
fn since_epoch(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |before| -before),
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
    }
}

/// A call past the SDK, with a string that is none.
#[expect(unsafe_code, reason = "no sound program can make the string that the host must refuse")]
mod raw {
    use super::*;

    pub fn read(directory: &str, path: &[u8]) -> Result<Option<Vec<u8>>, CapabilityError> {
        // SAFETY: the text is handed on as bytes to the host and looked at by nobody here.
        let path = unsafe { std::str::from_utf8_unchecked(path) };
        at(directory).read(path)
    }
}
