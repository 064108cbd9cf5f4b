//! Whether a condition holds of a resource.
//!
//! *Holds:* the language of conditions ([`condition`]), the resources with their
//! relations ([`estate`]), and the judge, which evaluates the one over the other.
//! *Never holds:* a rule, a clock or a format of documents.

pub mod condition;
pub mod estate;
mod evaluate;
mod matching;
pub mod network;
mod parse;
mod path;
mod secrets;
mod support;
pub use secrets::Written as WrittenPattern;
mod words;

pub use condition::{Condition, Matcher};
pub use estate::{Estate, Source, Subject};
pub use evaluate::{Base, Delivers, Everything, Judge};
pub use path::Path;
pub use secrets::{Pattern, looks_secret, pieces};
pub use support::Support;
pub use troupe_estate::Truth;
pub use words::{Glob, version};
