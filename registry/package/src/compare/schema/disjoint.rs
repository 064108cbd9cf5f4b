//! Whether no document meets two sets of facts at once. "No" means that it is not known.

use serde_json::Value;
use troupe_core::limits;

use super::facts::{Facts, OBJECT};

/// How deep it is looked for a difference: alternatives differ near their root.
const DEPTH_MAX: usize = 4;

/// Values that are held against each other one by one.
const PAIRS_MAX: usize = 256;

/// Whether no document meets both. What it takes is added to `steps`, and nothing is known once
/// there are more than a comparison may take.
pub(super) fn are_disjoint(one: &Facts<'_>, other: &Facts<'_>, steps: &mut usize) -> bool {
    differ(one, other, DEPTH_MAX, steps)
}

fn differ(one: &Facts<'_>, other: &Facts<'_>, depth: usize, steps: &mut usize) -> bool {
    *steps = steps.saturating_add(1 + one.nodes.len() + other.nodes.len());
    if *steps > limits::SCHEMA_COMPARE_STEPS_MAX {
        return false;
    }
    let (one, other) = (one.expanded(), other.expanded());
    let types = one.types & other.types;
    if types == 0 {
        return true;
    }
    if let (Some(values), Some(others)) = (one.values(), other.values())
        && values.len().saturating_mul(others.len()) <= PAIRS_MAX
        && values.iter().all(|value| others.iter().all(|other| are_unequal(value, other)))
    {
        return true;
    }
    // Two objects differ if one always has what the other never has, or has otherwise.
    if types != OBJECT || depth == 0 {
        return false;
    }
    let mut apart = |one: &Facts<'_>, other: &Facts<'_>| {
        let names = one.names();
        *steps = steps.saturating_add(names.len());
        names.iter().take(PAIRS_MAX).filter(|name| one.requires(name)).any(|name| {
            match (one.property(name), other.property(name)) {
                (Some(one), Some(other)) => differ(&one, &other, depth - 1, steps),
                _ => true,
            }
        })
    };
    apart(&one, &other) || apart(&other, &one)
}

/// Whether two values differ in every way of writing numbers.
fn are_unequal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() != other.as_f64(),
        (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => false,
        (one, other) => one != other,
    }
}
