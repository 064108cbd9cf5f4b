//! The attribute that turns a type with methods into an agent.
//!
//! *Holds:* `#[agent]`, `#[skill]`, `#[migrate]`, `#[converse]` and `#[suggest]`: reading an `impl` block and the crate's
//! `agent.toml`, and writing the `troupe_sdk::Agent` implementation and the exports.
//! *Never holds:* what happens when an agent runs; that is `troupe_sdk`.
//! *Start at:* [`agent`], then `expand` for the code that is written.
//! *Tested by:* the unit tests in `expand` for what authors are told, and `sdk/rust/tests`
//! for the code that is written.

mod converse;
mod expand;
mod manifest;
mod migrate;
mod skill;

use proc_macro::TokenStream;
use quote::quote;

/// Turns a type into an agent: each method marked `#[skill]` becomes one of its skills.
///
/// The type is made anew by `Default` for each call. Summary, goals and triggers come
/// from the `agent.toml` beside the crate's `Cargo.toml`.
///
/// `#[agent(configuration = Type)]` names the type of the agent's configuration, which
/// skills read with `invocation::configuration::<Type>()`; its JSON Schema becomes part
/// of the profile, and the host checks every configuration against it.
#[proc_macro_attribute]
pub fn agent(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(arguments.into(), item.into(), &manifest::read).into()
}

/// Marks a method of an `#[agent]` block as a skill.
///
/// The method takes `&self` and at most one input, which derives `Deserialize` and
/// `JsonSchema`, and returns `Result<Output, Failure>`, where `Output` derives
/// `Serialize` and `JsonSchema`. Its doc comment is what callers read about it.
///
/// - `effect = "read" | "write" | "destructive"`: how far the skill reaches, `write` if
///   it is not said. A capability call that reaches further is denied.
/// - `name = "…"`: the skill's name, where it is not the method's.
#[proc_macro_attribute]
pub fn skill(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    let message = "`#[skill]` marks a method of an `impl` block that is marked `#[troupe_sdk::agent]`";
    let item = proc_macro2::TokenStream::from(item);
    quote!(::core::compile_error!(#message); #item).into()
}

/// Marks the method of an `#[agent]` block that brings state to the form of this release.
///
/// It takes `&self` and the `state.version` of the release before, as a `u32`, and returns
/// `Result<(), Failure>`. The host calls it on a copy when a release with another
/// `state.version` is to serve: once for the keys of the deployment, and once for each instance
/// that keeps some.
#[proc_macro_attribute]
pub fn migrate(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    let message = "`#[migrate]` marks a method of an `impl` block that is marked `#[troupe_sdk::agent]`";
    let item = proc_macro2::TokenStream::from(item);
    quote!(::core::compile_error!(#message); #item).into()
}

/// Marks the method of an `#[agent]` block by which the agent answers in its own words what is said to it in
/// a session.
///
/// It takes `&self` and a `conversation::Message`, and returns `Result<Answer, Failure>` of a
/// `conversation::Answer`. `effect = "read" | "write" | "destructive"` says how far it reaches itself, `read` if it
/// is not said: a capability call that reaches further is denied. What it proposes reaches as far as the skill.
#[proc_macro_attribute]
pub fn converse(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    let message = "`#[converse]` marks a method of an `impl` block that is marked `#[troupe_sdk::agent]`";
    let item = proc_macro2::TokenStream::from(item);
    quote!(::core::compile_error!(#message); #item).into()
}

/// Marks the method of an `#[agent]` block that says what could be said next.
///
/// It takes `&self` and a `conversation::About`, and returns `Result<Vec<Suggestion>, Failure>` of
/// `conversation::Suggestion`s, within three seconds. It stands beside a method marked `#[converse]`.
#[proc_macro_attribute]
pub fn suggest(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    let message = "`#[suggest]` marks a method of an `impl` block that is marked `#[troupe_sdk::agent]`";
    let item = proc_macro2::TokenStream::from(item);
    quote!(::core::compile_error!(#message); #item).into()
}
