//! What the macro reads from an agent's `agent.toml`.
//!
//! Only what the profile repeats is looked at here. The whole manifest, with its strict
//! grammar, is checked when the agent is packed.

use std::path::Path;

use proc_macro2::TokenStream;
use quote::quote;
use serde::Deserialize;
use toml::Value;

/// The part of a manifest that stands in the profile.
#[derive(Debug, Deserialize)]
pub struct Manifest {
    /// One sentence on what the agent does.
    pub summary: String,
    /// What the agent is for, one sentence each.
    #[serde(default)]
    pub goals: Vec<String>,
    /// What starts the agent by itself, as the manifest writes it.
    #[serde(default)]
    pub triggers: Vec<toml::Table>,
}

/// Reads the `agent.toml` of the crate that is being compiled. The error is a sentence
/// for the author.
pub fn read() -> Result<Manifest, String> {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR")
        .ok_or("an agent is built with cargo, which says where its `agent.toml` is")?;
    let path = Path::new(&folder).join("agent.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        format!("an agent needs an `agent.toml` beside its Cargo.toml: cannot read {}: {error}", path.display())
    })?;
    parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Parses the text of a manifest.
pub fn parse(text: &str) -> Result<Manifest, String> {
    toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())
}

/// Writes a TOML value as the Rust expression of the same JSON value.
pub fn json(value: &Value) -> TokenStream {
    match value {
        Value::String(text) => quote!(#text),
        Value::Integer(number) => quote!(#number),
        Value::Float(number) => quote!(#number),
        Value::Boolean(truth) => quote!(#truth),
        Value::Datetime(time) => {
            let text = time.to_string();
            quote!(#text)
        }
        Value::Array(items) => {
            let items = items.iter().map(json);
            quote!(::troupe_sdk::__macro::json!([#(#items),*]))
        }
        Value::Table(table) => object(table),
    }
}

/// Writes a TOML table as the Rust expression of the same JSON object.
pub fn object(table: &toml::Table) -> TokenStream {
    let fields = table.iter().map(|(name, value)| {
        let value = json(value);
        quote!(#name: #value)
    });
    quote!(::troupe_sdk::__macro::json!({ #(#fields),* }))
}
