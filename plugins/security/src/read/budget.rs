//! What the functions of a template may make.
//!
//! *The attack:* a variable is ten times another one, which is ten times another one: a few lines that are worked out
//! for ever, or fill the memory. *The rule:* whatever is put in the place of a name is counted, over the whole
//! template; once it is too much, it is not known, and says so.

use std::cell::Cell;

use serde_json::Value;

use crate::unknown;

/// Most values, and pieces of 64 bytes of text, that are put in the place of names in one template.
const WEIGHT_MAX: usize = 1_000_000;
/// Bytes of text that weigh as much as a value.
const TEXT_BYTES: usize = 64;

/// What may still be made.
#[derive(Debug)]
pub struct Budget(Cell<usize>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(WEIGHT_MAX))
    }
}

impl Budget {
    /// Reports whether nothing more may be made.
    pub fn is_spent(&self) -> bool {
        self.0.get() == 0
    }

    /// The value, or that it is not known if it is more than may be made.
    pub fn take(&self, value: Value) -> Value {
        let left = self.0.get().saturating_sub(weight(&value));
        self.0.set(left);
        if left == 0 { Self::spent() } else { value }
    }

    /// What stands where something would be too much.
    pub fn spent() -> Value {
        unknown::unknown(&format!("the template's functions make more than {WEIGHT_MAX} values"))
    }
}

fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len() / TEXT_BYTES,
        Value::Array(list) => 1 + list.iter().map(weight).sum::<usize>(),
        Value::Object(entries) => {
            1 + entries.iter().map(|(key, one)| key.len() / TEXT_BYTES + weight(one)).sum::<usize>()
        }
        _ => 1,
    }
}
