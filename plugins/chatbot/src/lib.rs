//! An agent that answers from what it was told, and hands over to others.
//!
//! *Holds:* a conversation over entries, facts and handovers of the configuration; the same as the skill `answer`;
//! and what it could not answer, as the skill `unknown`.
//! *Never holds:* a model: the same words and configuration give the same answer, and it is told why.
//! *Start at:* [`Chatbot`], then `talk` for what becomes of a message, `matching` for how it is understood.
//! *Tested by:* `tests`, natively, and `tests/suites/plugins`.

mod handover;
mod matching;
mod memory;
mod settings;
mod talk;
mod words;

use troupe_sdk::conversation::{About, Answer, Message, Suggestion};
use troupe_sdk::prelude::*;

pub use handover::{HandedOver, HandoverInput};
pub use matching::{Kind, Matched};
pub use memory::Unknown;
pub use settings::{Entry, Handover, Reach, Settings, Taken};
pub use talk::{Answered, Question};

/// The agent.
#[derive(Debug, Default)]
pub struct Chatbot;

#[troupe_sdk::agent(configuration = Settings)]
impl Chatbot {
    /// Answers one question from entries and facts, without a conversation: nothing is remembered, and nobody else
    /// is asked.
    #[skill(effect = "read")]
    pub fn answer(&self, question: Question) -> Result<Answered, Failure> {
        Ok(talk::answered(&question.question, &invocation::configuration()?))
    }

    /// Has another agent do what a handover of the configuration names, and says what came of it.
    #[skill(effect = "destructive")]
    pub fn hand_over(&self, input: HandoverInput) -> Result<HandedOver, Failure> {
        let settings: Settings = invocation::configuration()?;
        handover::perform(settings.handover(&input.handover)?, &input.input).wait()
    }

    /// Lists the questions that it could not answer, those asked most often first.
    #[skill(effect = "read")]
    pub fn unknown(&self) -> Result<Vec<Unknown>, Failure> {
        memory::unknown()
    }

    /// Answers what is said to it. It writes what it remembers, and what it could not answer.
    #[converse(effect = "write")]
    pub fn converse(&self, message: Message) -> Result<Answer, Failure> {
        talk::said(&message, &invocation::configuration()?).wait()
    }

    /// Says at first what it knows of.
    #[suggest]
    pub fn suggest(&self, about: About) -> Result<Vec<Suggestion>, Failure> {
        Ok(talk::suggestions(&about, &invocation::configuration()?))
    }
}
