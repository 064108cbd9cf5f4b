//! The default configuration: a TOML table that becomes a JSON object.
//!
//! | TOML | JSON |
//! |---|---|
//! | string, boolean, integer, array, table | the same |
//! | float | a number; `inf` and `nan` are refused, since JSON has none |
//! | date, time | a string, as it is written |

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use troupe_core::limits;

use crate::json;

/// The key under which the toml crate hands a date to a reader that asked for anything.
const DATETIME: &str = "$__toml_private_datetime";

/// Reads the configuration of a manifest.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    let value = Configured::deserialize(deserializer)?.0;
    json::check_depth(&value).map_err(|why| D::Error::custom(format_args!("the configuration {why}")))?;
    let length = json::canonical(&value).len();
    if length > limits::CONFIGURATION_BYTES_MAX {
        return Err(D::Error::custom(format_args!(
            "the configuration has {length} bytes as JSON, the limit is {}",
            limits::CONFIGURATION_BYTES_MAX
        )));
    }
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(D::Error::custom("the configuration must be a table")),
    }
}

struct Configured(Value);

impl<'de> Deserialize<'de> for Configured {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Configured(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let Configured(value) = members.next_value()?;
            if key == DATETIME {
                return Ok(value);
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}
