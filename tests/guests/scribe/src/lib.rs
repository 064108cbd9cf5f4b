//! Leaves artefacts as it is told, and tells how each call ended.

use std::io::Write as _;
use std::time::Duration;

use troupe_sdk::prelude::*;

#[derive(Default)]
struct Scribe;

#[derive(Deserialize, JsonSchema)]
struct Leave {
    name: String,
    #[serde(default = "plain")]
    media_type: String,
    /// What to write.
    text: String,
    /// How often to write it, one after the other.
    #[serde(default = "once")]
    times: u32,
    /// How long to wait after the first half of them, in milliseconds.
    #[serde(default)]
    pause_ms: u64,
    /// How long to wait when it is finished, in milliseconds.
    #[serde(default)]
    rest_ms: u64,
}

#[derive(Deserialize, JsonSchema)]
struct Names {
    names: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Flaky {
    /// The attempt that succeeds; those before leave something and fail.
    attempt: u32,
}

#[derive(Serialize, JsonSchema)]
struct Left {
    name: String,
    size: u64,
    digest: String,
}

/// How a call ended: with nothing to say, or with why not.
#[derive(Serialize, JsonSchema)]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

fn plain() -> String {
    "text/plain".to_owned()
}

const fn once() -> u32 {
    1
}

fn told<T>(result: Result<T, CapabilityError>) -> Told {
    let Err(error) = result else { return Told { error: None, code: None } };
    let code = match &error {
        CapabilityError::Denied(problem) => problem.code().unwrap_or("denied").to_owned(),
        CapabilityError::Limit(limit) => limit.code.clone(),
        CapabilityError::Invalid(_) => "invalid".to_owned(),
        CapabilityError::Conflict(_) => "conflict".to_owned(),
        CapabilityError::Cancelled(_) => "cancelled".to_owned(),
        CapabilityError::Unavailable(_) => "unavailable".to_owned(),
    };
    Told { error: Some(error.to_string()), code: Some(code) }
}

fn pause(ms: u64) {
    if ms > 0 {
        time::sleep(Duration::from_millis(ms)).wait();
    }
}

#[troupe_sdk::agent]
impl Scribe {
    /// Leaves an artefact.
    #[skill(effect = "read")]
    fn leave(&self, input: Leave) -> Result<Left, Failure> {
        let mut writer = artifacts::create(&input.name, &input.media_type)?;
        for number in 0..input.times {
            writer.write_all(input.text.as_bytes())?;
            if number == input.times / 2 {
                writer.flush()?;
                pause(input.pause_ms);
            }
        }
        let left = writer.finish()?;
        pause(input.rest_ms);
        Ok(Left { name: left.name, size: left.size, digest: left.digest })
    }

    /// Begins an artefact and lets go of it, so that its name is free again.
    #[skill(effect = "read")]
    fn begin(&self, input: Leave) -> Result<Told, Failure> {
        for _ in 0..2 {
            let mut writer = artifacts::create(&input.name, &input.media_type)?;
            writer.write_all(input.text.as_bytes())?;
            writer.flush()?;
        }
        Ok(told(Ok(())))
    }

    /// Begins artefacts of these names one after the other, and tells what it is told; finishes those that it may.
    #[skill(effect = "read")]
    fn names(&self, input: Names) -> Result<Vec<Told>, Failure> {
        let left = |name: &String| artifacts::create(name, "text/plain").and_then(artifacts::Writer::finish);
        Ok(input.names.iter().map(|name| told(left(name))).collect())
    }

    /// Writes pieces until it is refused, and tells why; leaves what was written before.
    #[skill(effect = "read")]
    fn overflow(&self, input: Leave) -> Result<Told, Failure> {
        let mut writer = artifacts::create(&input.name, &input.media_type)?;
        for _ in 0..input.times {
            if let Err(error) = writer.write_all(input.text.as_bytes()).and_then(|()| writer.flush()) {
                return Ok(told::<()>(Err(error.downcast::<CapabilityError>().map_err(Failure::failed)?)));
            }
        }
        Ok(told(writer.finish()))
    }

    /// Leaves an artefact that names its attempt, and fails until the one that succeeds.
    #[skill(effect = "read")]
    fn flaky(&self, input: Flaky) -> Result<u32, Failure> {
        let attempt = invocation::attempt();
        let mut writer = artifacts::create(format!("attempt-{attempt}"), "text/plain")?;
        writer.write_all(b"same")?;
        writer.finish()?;
        artifacts::create("same", "text/plain")?.finish()?;
        if attempt < input.attempt { Err(Failure::unavailable("not yet")) } else { Ok(attempt) }
    }
}
