//! Does as well or as badly as its release says: what a release is like stands in its manifest,
//! so that a test can pack a worse one without another component.

use std::hint::black_box;
use std::time::Duration;

use troupe_sdk::prelude::*;

#[derive(Default)]
struct Trial;

#[derive(Deserialize, Serialize, JsonSchema)]
struct Configuration {
    /// Of 1,000 calls, how many fail.
    failures: u64,
    /// How long a call takes, in milliseconds.
    ms: u64,
    /// How much memory a call takes, in MiB.
    mib: usize,
    /// Whether a call traps.
    trap: bool,
    /// Whether a call asks for something that is not granted.
    reach: bool,
}

#[derive(Deserialize, JsonSchema)]
struct Work {
    /// The number of the call: which of them fail depends on it alone.
    number: u64,
}

#[derive(Serialize, JsonSchema)]
struct Worked {
    number: u64,
}

#[troupe_sdk::agent(configuration = Configuration)]
impl Trial {
    /// Works as the configuration says.
    #[skill(effect = "read")]
    fn work(&self, input: Work) -> Result<Worked, Failure> {
        let Configuration { failures, ms, mib, trap, reach } = invocation::configuration()?;
        if trap {
            std::process::abort();
        }
        if reach {
            // It is denied, which is no failure of the call.
            let _ = state::get("anything");
        }
        let memory = vec![1_u8; mib << 20];
        black_box(&memory);
        std::thread::sleep(Duration::from_millis(ms));
        // Knuth's multiplicative hash spreads consecutive numbers evenly.
        let spread = input.number.wrapping_mul(2_654_435_761) % (1 << 32);
        if (spread * 1_000) >> 32 < failures {
            return Err(Failure::failed("this call fails"));
        }
        Ok(Worked { number: input.number })
    }
}
