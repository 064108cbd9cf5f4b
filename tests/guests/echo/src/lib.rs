//! Answers what it was asked and who asked it.
//!
//! `TROUPE_GUEST_VERSION` at build time is what `version` answers, so that a test can
//! tell two releases apart by their behaviour.

use std::time::{Duration, UNIX_EPOCH};

use troupe_sdk::prelude::*;

/// What `version` answers.
const VERSION: &str = match option_env!("TROUPE_GUEST_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

/// Longest wait of `sleep` at once, in milliseconds.
const NAP_MS: u64 = 1_000;

#[derive(Default)]
struct Echo;

#[derive(Deserialize, Serialize, JsonSchema)]
struct Configuration {
    /// What `shout` begins with.
    greeting: String,
    /// How often `shout` shouts.
    #[serde(default)]
    repeat: u32,
}

#[derive(Deserialize, JsonSchema)]
struct Text {
    /// What to say.
    text: String,
}

#[derive(Serialize, JsonSchema)]
struct Said {
    text: String,
}

#[derive(Serialize, JsonSchema)]
struct Version {
    version: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct Facts {
    tenant: String,
    session: Option<String>,
    user: Option<String>,
    trace: String,
    attempt: u32,
    /// Milliseconds since the Unix epoch.
    deadline: u64,
    configuration: Configuration,
}

#[derive(Deserialize, JsonSchema)]
struct Sleep {
    /// How long, in milliseconds.
    ms: u64,
}

#[derive(Serialize, JsonSchema)]
struct Slept {
    ms: u64,
    version: &'static str,
}

/// Each way a skill can end without success.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    UnknownSkill,
    InvalidInput,
    Denied,
    Unavailable,
    Failed,
    /// Ends well, with an output that breaks its schema.
    BadOutput,
}

#[derive(Deserialize, JsonSchema)]
struct Fail {
    kind: Kind,
}

/// An output whose schema promises a number.
#[derive(JsonSchema)]
struct Liar {
    #[expect(dead_code, reason = "it stands in the schema alone")]
    number: u32,
}

impl Serialize for Liar {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("not a number")
    }
}

#[troupe_sdk::agent(configuration = Configuration)]
impl Echo {
    /// Says the text back.
    #[skill(effect = "read")]
    fn echo(&self, input: Text) -> Result<Said, Failure> {
        Ok(Said { text: input.text })
    }

    /// Says which version of the agent answers.
    #[skill(effect = "read")]
    fn version(&self) -> Result<Version, Failure> {
        Ok(Version { version: VERSION })
    }

    /// Says all that the host says about the invocation.
    #[skill(effect = "read")]
    fn who(&self) -> Result<Facts, Failure> {
        let deadline = invocation::deadline().duration_since(UNIX_EPOCH).map_err(Failure::failed)?;
        Ok(Facts {
            tenant: invocation::tenant(),
            session: invocation::session(),
            user: invocation::user(),
            trace: invocation::trace(),
            attempt: invocation::attempt(),
            deadline: u64::try_from(deadline.as_millis()).map_err(Failure::failed)?,
            configuration: invocation::configuration()?,
        })
    }

    /// Waits, then says for how long and which version waited. It naps so that it runs all
    /// the time: no wait is long enough for it to be suspended.
    #[skill(effect = "read")]
    fn sleep(&self, input: Sleep) -> Result<Slept, Failure> {
        let mut left = input.ms;
        while left > 0 {
            let nap = left.min(NAP_MS);
            std::thread::sleep(Duration::from_millis(nap));
            left -= nap;
        }
        Ok(Slept { ms: input.ms, version: VERSION })
    }

    /// Ends without success, in the way that is asked for.
    #[skill(effect = "write")]
    fn fail(&self, input: Fail) -> Result<Liar, Failure> {
        Err(match input.kind {
            Kind::UnknownSkill => Failure::unknown_skill("other"),
            Kind::InvalidInput => Failure::invalid_input("this kind is not welcome").with("path", "kind"),
            Kind::Denied => Failure::denied("the grant `nothing` is missing").with("grant", "nothing"),
            Kind::Unavailable => Failure::unavailable("nobody is at home").retry_after(Duration::from_millis(1_500)),
            Kind::Failed => Failure::failed("it did not work").with("answer", 42),
            Kind::BadOutput => return Ok(Liar { number: 0 }),
        })
    }

    /// Says the text loudly, as often as the configuration asks, with progress, parts and
    /// log records on the way.
    #[skill(effect = "read")]
    fn shout(&self, input: Text) -> Result<Said, Failure> {
        let Configuration { greeting, repeat } = invocation::configuration()?;
        log::trace!("about to shout");
        log::debug!("shouting {repeat} times", characters = input.text.chars().count());
        let mut text = greeting.to_uppercase();
        for round in 1..=repeat {
            let part = input.text.to_uppercase();
            progress::report(f64::from(round) / f64::from(repeat), format!("round {round} of {repeat}"));
            progress::partial(&Said { text: part.clone() })?;
            log::info!("shouted", round = round);
            text.push(' ');
            text.push_str(&part);
        }
        log::warn!("the neighbours may have heard");
        log::error!("they have");
        Ok(Said { text })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use troupe_sdk::test::{self, Host};

    use super::*;

    #[test]
    fn a_shout_is_loud_and_tells_how_far_it_is() {
        let host = Host::start().configuration(json!({ "greeting": "hey", "repeat": 2 }));
        let said = test::perform::<Echo>("shout", json!({ "text": "you" }));
        assert_eq!(said, Ok(json!({ "text": "HEY YOU YOU" })));
        assert_eq!(host.reports().len(), 2);
        assert_eq!(host.partials(), [json!({ "text": "YOU" }), json!({ "text": "YOU" })]);
        assert_eq!(host.records().len(), 6);
    }

    #[test]
    fn who_tells_what_the_host_said() {
        let _host = Host::start().tenant("acme").user("ann").configuration(json!({ "greeting": "hey" }));
        let facts = test::perform::<Echo>("who", json!({})).unwrap();
        assert_eq!(facts["tenant"], "acme");
        assert_eq!(facts["user"], "ann");
        assert_eq!(facts["session"], json!(null));
        assert_eq!(facts["configuration"], json!({ "greeting": "hey", "repeat": 0 }));
    }
}
