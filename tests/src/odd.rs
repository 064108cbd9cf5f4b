//! Agents that no toolchain makes: around core modules that are written by hand, down to
//! the numbers that pass between guest and host.

use std::fmt::Write as _;

use troupe_package::{Manifest, Profile};
use wit_component::{ComponentEncoder, embed_component_metadata};
use wit_parser::Resolve;

pub use wit_component::StringEncoding;

use crate::guests::Guest;
use crate::root;

const MANIFEST: &str = r#"
name = "odd"
version = "1.0.0"
summary = "Breaks the rules of the component model."

[limits]
memory = "64 MiB"
time = "2s"
"#;

/// What every odd agent says of itself: `act` does what is odd about it, `good` answers.
const PROFILE: &str = r#"{"profile":1,"summary":"Breaks the rules of the component model.","skills":[
{"name":"act","description":"Does what is odd.","effect":"read","input":{"type":"object"},"output":{}},
{"name":"good","description":"Answers.","effect":"read","input":{"type":"object"},"output":{}}]}"#;

/// What `good` answers, as JSON.
pub const GOOD: &str = "\"good\"";

/// Where the agent keeps what it answers, in its memory of at least two pages: results of
/// `describe`, `act` and `good`, then the texts. From the second page on memory is its own.
const DESCRIBED: u32 = 16;
const ACTED: u32 = 32;
const DID_GOOD: u32 = 64;
const GOOD_TEXT: u32 = 128;
const PROFILE_TEXT: u32 = 1024;
/// Where memory is the odd module's own.
pub const OWN: u32 = 64 * 1024;

/// An agent by its core module.
#[derive(Debug, Clone)]
pub struct Odd {
    /// How its strings are written.
    pub encoding: StringEncoding,
    /// Pages of its memory.
    pub pages: u32,
    /// Imports, in the text format.
    pub imports: String,
    /// Further fields of the module, in the text format.
    pub fields: String,
    /// What `act` does: instructions that leave the address of a result.
    pub act: String,
    /// Instructions that `cabi_realloc` begins with.
    pub realloc: String,
    /// What stands in memory, and where.
    pub data: Vec<(u32, Vec<u8>)>,
}

impl Default for Odd {
    fn default() -> Self {
        Self {
            encoding: StringEncoding::UTF8,
            pages: 2,
            imports: String::new(),
            fields: String::new(),
            act: "unreachable".to_owned(),
            realloc: String::new(),
            data: Vec::new(),
        }
    }
}

impl Odd {
    /// An agent whose `act` answers with a string: where it stands and how long it is, in the
    /// units of the encoding.
    pub fn answering(address: u32, length: u32) -> Self {
        Self::resulting(0, address, length)
    }

    /// An agent whose `act` ends with a result of a case, 0 for an output and 1 for a
    /// failure, and the two numbers behind it.
    pub fn resulting(case: u32, first: u32, second: u32) -> Self {
        let result = [[case, 0], [first, second]].concat().into_iter().flat_map(u32::to_le_bytes).collect();
        Self { act: format!("(i32.const {ACTED})"), data: vec![(ACTED, result)], ..Self::default() }
    }

    /// The same with text in memory.
    #[must_use]
    pub fn with(mut self, address: u32, bytes: Vec<u8>) -> Self {
        self.data.push((address, bytes));
        self
    }

    /// The agent, ready to be packed.
    pub fn guest(&self) -> Guest {
        Guest {
            manifest: Manifest::parse(MANIFEST).expect("a good manifest"),
            profile: Profile::parse(PROFILE).expect("a good profile"),
            component: self.component(),
        }
    }

    /// The agent's component.
    pub fn component(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_path(root().join("wit")).expect("the contract");
        let world = resolve.select_world(&[package], Some("agent")).expect("the world of agents");
        let mut module = wat::parse_str(self.module()).unwrap_or_else(|error| panic!("{error}\n{}", self.module()));
        embed_component_metadata(&mut module, &resolve, world, self.encoding).expect("metadata");
        ComponentEncoder::default().module(&module).expect("a module").encode().expect("a component")
    }

    fn module(&self) -> String {
        let Self { pages, imports, fields, act, realloc, .. } = self;
        let mut data = String::new();
        let texts = [(GOOD_TEXT, DID_GOOD + 8, GOOD), (PROFILE_TEXT, DESCRIBED, PROFILE)];
        let written = texts.into_iter().flat_map(|(address, result, text)| {
            let (bytes, length) = self.encoded(text);
            let place = [address, length].into_iter().flat_map(u32::to_le_bytes).collect();
            [(address, bytes), (result, place)]
        });
        for (address, bytes) in written.chain(self.data.clone()) {
            let escaped = bytes.iter().fold(String::new(), |mut text, byte| {
                // Writing to a String does not fail.
                let _ = write!(text, "\\{byte:02x}");
                text
            });
            let _ = writeln!(data, "(data (i32.const {address}) \"{escaped}\")");
        }
        // Skills are told apart by how long their names are, which every encoding says.
        format!(
            r#"(module
                {imports}
                (memory (export "memory") {pages})
                (global $next (mut i32) (i32.const {OWN}))
                {fields}
                {data}
                (func (export "troupe:agent/skills@0.1.0#describe") (result i32) (i32.const {DESCRIBED}))
                (func (export "troupe:agent/skills@0.1.0#perform") (param i32 i32 i32 i32) (result i32)
                    (if (i32.eq (local.get 1) (i32.const 4)) (then (return (i32.const {DID_GOOD}))))
                    {act})
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    {realloc}
                    (if (i32.ge_u (local.get 1) (local.get 3)) (then (return (local.get 0))))
                    (global.get $next)
                    (global.set $next (i32.and
                        (i32.add (global.get $next) (i32.add (local.get 3) (i32.const 7)))
                        (i32.const -8)))))"#
        )
    }

    /// A text in the agent's encoding, and its length in the units of that.
    fn encoded(&self, text: &str) -> (Vec<u8>, u32) {
        match self.encoding {
            StringEncoding::UTF8 | StringEncoding::CompactUTF16 => (text.into(), text.len() as u32),
            StringEncoding::UTF16 => utf16(text),
        }
    }
}

/// A text in UTF-16, and how many units that is.
pub fn utf16(text: &str) -> (Vec<u8>, u32) {
    let units: Vec<u16> = text.encode_utf16().collect();
    (units.iter().flat_map(|unit| unit.to_le_bytes()).collect(), units.len() as u32)
}

/// A component in the text format, as bytes.
pub fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}
