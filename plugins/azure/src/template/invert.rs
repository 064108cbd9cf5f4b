//! The way back: from an attribute to where it stands in Azure's object.

use serde_json::{Map, Value, json};

use crate::kinds::Spec;

impl Spec {
    /// Reports whether there is a way back.
    pub fn can_be_set(&self) -> bool {
        match self {
            Self::At(place) => !place.contains('*'),
            Self::Each { each, take } => !each.contains('*') && take.values().all(|place| !place.contains('*')),
            Self::Any { .. } | Self::Find { .. } | Self::Pairs { .. } | Self::Seconds { .. } => false,
        }
    }

    /// Puts an attribute where it stands in the object. What has no way back is not put.
    pub fn put(&self, object: &mut Value, value: Value) {
        match self {
            Self::At(place) if !place.contains('*') => put(object, place, value),
            Self::Each { each, take } => {
                let items = match value {
                    Value::Array(items) => items,
                    _ => return,
                };
                let item = |mut item: Value| {
                    let mut made = json!({});
                    for (name, place) in take {
                        if let Some(value) = item.get_mut(name).map(Value::take).filter(|value| !value.is_null()) {
                            put(&mut made, place, value);
                        }
                    }
                    made
                };
                put(object, each, items.into_iter().map(item).collect());
            }
            _ => {}
        }
    }
}

/// Puts a value at a place, and makes the objects that lead there.
pub fn put(object: &mut Value, place: &str, value: Value) {
    let mut here = object;
    let mut names = place.split('/').skip(1).peekable();
    while let Some(name) = names.next() {
        if !here.is_object() {
            *here = Value::Object(Map::new());
        }
        let Some(fields) = here.as_object_mut() else { return };
        let name = name.replace("~1", "/").replace("~0", "~");
        if names.peek().is_none() {
            fields.insert(name, value);
            return;
        }
        here = fields.entry(name).or_insert(Value::Null);
    }
}

/// Puts an object's fields over another's, deeper objects field by field.
pub fn merge(into: &mut Value, over: Value) {
    match (into, over) {
        (Value::Object(into), Value::Object(over)) => {
            for (name, value) in over {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, over) => *into = over,
    }
}

#[cfg(test)]
mod tests {
    use crate::kinds::kinds;

    use super::*;

    #[test]
    fn what_can_be_set_comes_back_as_it_was_told() {
        let mut held = 0;
        for kind in kinds() {
            for (name, spec) in kind.settings.iter().filter(|(_, spec)| spec.can_be_set()) {
                let value = match spec {
                    Spec::Each { take, .. } => {
                        json!([take.keys().map(|name| (name.clone(), json!(name))).collect::<Map<_, _>>()])
                    }
                    _ => json!("value"),
                };
                let mut object = json!({});
                spec.put(&mut object, value.clone());
                assert_eq!(spec.make(&object), Some(value), "{} {name}", kind.name());
                held += 1;
            }
        }
        assert!(held > 400, "{held}");
    }

    #[test]
    fn properties_are_put_over_what_is_there() {
        let mut object = json!({ "a": { "b": 1, "c": [1] } });
        merge(&mut object, json!({ "a": { "c": [2], "d": true } }));
        assert_eq!(object, json!({ "a": { "b": 1, "c": [2], "d": true } }));
    }
}
