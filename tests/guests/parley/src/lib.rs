//! Answers in its own words. The first word of a message says in which way, so that a test sees each.

use std::time::Duration;

use troupe_sdk::conversation::{About, Answer, Message, Proposal, Suggestion};
use troupe_sdk::prelude::*;

#[derive(Default)]
struct Parley;

#[derive(Deserialize, Serialize, JsonSchema)]
struct Machine {
    machine: String,
}

#[derive(Serialize, JsonSchema)]
struct Stopped {
    stopped: String,
}

#[troupe_sdk::agent]
impl Parley {
    /// Says how often something was counted.
    #[skill(effect = "read")]
    fn counted(&self) -> Result<u64, Failure> {
        Ok(state::get_json("counted")?.unwrap_or(0))
    }

    /// Stops a machine.
    #[skill(effect = "destructive")]
    fn stop(&self, input: Machine) -> Result<Stopped, Failure> {
        Ok(Stopped { stopped: input.machine })
    }

    #[converse(effect = "write")]
    fn answer(&self, message: Message) -> Result<Answer, Failure> {
        let text = message.text.clone();
        let (first, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let asked = message.last_reply().is_some_and(|reply| reply.kind == "asks");
        match first {
            "hello" => Answer::text(format!("Hello {}", message.about.user["name"])).with(&message.about.context),
            "what" => Answer::text("this was said").with(&message),
            "note" => Ok(Answer::text("noted").noting("note", rest).noting("region", ())),
            "flood" => {
                Ok(Answer::text("too much").noting("flood", "x".repeat(40_000)).noting(rest, "x".repeat(20_000)))
            }
            "stop" if rest.is_empty() => Ok(Answer::text("Which machine?").asking("machine", "the machine to stop")),
            "stop" => Answer::text("Shall I?").proposing("stop", &Machine { machine: rest.to_owned() }),
            "sing" => Answer::text("La").proposing("sing", &Machine { machine: rest.to_owned() }),
            "misfit" => Answer::text("Hm").proposing("stop", &Suggestion::new(rest)),
            "asking" => {
                let mut answer = Answer::text("Which?").asking("which", "one of these");
                answer.questions.iter_mut().for_each(|question| question.values = vec!["x".repeat(70_000).into()]);
                Ok(answer)
            }
            "output" => Answer::text("at length").with(&"x".repeat(rest.parse().unwrap_or(0))),
            "long" => Ok(Answer::text("x".repeat(20_000))),
            "hint" => Ok(Answer::text("You could go on").suggesting("note it")),
            "part" => {
                // So that somebody who watches does so before the first word.
                time::sleep(Duration::from_millis(rest.parse().unwrap_or(0))).wait();
                progress::report(0.5, "half of it");
                progress::partial("One moment,")?;
                progress::partial(" please.")?;
                Ok(Answer::text("One moment, please."))
            }
            "count" => {
                let counted = state::increment("counted", 1)?;
                time::sleep(Duration::from_millis(rest.parse().unwrap_or(0))).wait();
                Ok(Answer::text(format!("counted {counted}")).noting("counted", counted))
            }
            "spin" => loop {
                std::hint::black_box(rest);
            },
            "trap" => panic!("the conversation traps"),
            "fail" => Err(Failure::failed("no words for that")),
            // What was asked for is given.
            _ if asked => Answer::text("Shall I?").proposing("stop", &Machine { machine: text }),
            _ => Ok(Answer { proposal: None::<Proposal>, ..Answer::text(format!("I heard {text}")) }),
        }
    }

    #[suggest]
    fn hints(&self, about: About) -> Result<Vec<Suggestion>, Failure> {
        if let Some(ms) = about.context.get("slow").and_then(|ms| ms.as_u64()) {
            time::sleep(Duration::from_millis(ms)).wait();
        }
        if about.context.contains_key("fail") {
            return Err(Failure::failed("nothing comes to mind"));
        }
        if about.context.contains_key("write") {
            state::increment("counted", 1)?;
        }
        if about.context.contains_key("silent") {
            return Ok(Vec::new());
        }
        let said = about.history.len();
        Ok(vec![Suggestion::new(format!("note {said}")).because(format!("{said} were said"))])
    }
}
