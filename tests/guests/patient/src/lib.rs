//! Says how it is, and ails as it is told: what ails an instance stands under one of its own keys, and what
//! ails all of them under the same key of the deployment.

use std::time::Duration;

use troupe_sdk::prelude::*;
use troupe_sdk::state::Space;

/// The key under which it stands.
const AILMENT: &str = "ailment";

/// How long one that is slow takes to answer.
const SLOW: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Patient;

#[derive(Deserialize, JsonSchema)]
struct Ail {
    /// `sick`, `slow` or `dead`; nothing where it is left out.
    #[serde(default)]
    ailment: Option<String>,
    /// Whether all instances ail so.
    #[serde(default)]
    all: bool,
}

#[derive(Deserialize, JsonSchema)]
struct Hold {
    /// How many bytes to hold.
    bytes: usize,
}

#[derive(Serialize, JsonSchema)]
struct Held {
    sum: u64,
}

fn found(space: Space) -> Result<Option<String>, Failure> {
    let entry = space.get(AILMENT)?;
    Ok(entry.map(|entry| String::from_utf8_lossy(&entry.value).into_owned()))
}

#[troupe_sdk::agent]
impl Patient {
    /// Says that it is well.
    #[skill(effect = "read")]
    fn health(&self) -> Result<(), Failure> {
        let own = found(Space::Instance)?;
        let ailment = if own.is_some() { own } else { found(Space::Deployment)? };
        match ailment.as_deref() {
            None => Ok(()),
            Some("slow") => {
                std::thread::sleep(SLOW);
                Ok(())
            }
            Some("dead") => panic!("it is dead"),
            Some(other) => Err(Failure::failed(format!("it is {other}"))),
        }
    }

    /// Ails from now on, or no more.
    #[skill(effect = "destructive")]
    fn ail(&self, input: Ail) -> Result<(), Failure> {
        let space = if input.all { Space::Deployment } else { Space::Instance };
        match input.ailment {
            Some(ailment) => drop(space.set(AILMENT, ailment)?),
            None => drop(space.delete(AILMENT)?),
        }
        Ok(())
    }

    /// Does a little.
    #[skill(effect = "read")]
    fn work(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// Traps.
    #[skill(effect = "read")]
    fn trap(&self) -> Result<(), Failure> {
        panic!("it traps")
    }

    /// Holds so much memory.
    #[skill(effect = "read")]
    fn hold(&self, input: Hold) -> Result<Held, Failure> {
        let held = std::hint::black_box(vec![1_u8; input.bytes]);
        Ok(Held { sum: held.iter().map(|byte| u64::from(*byte)).sum() })
    }
}
