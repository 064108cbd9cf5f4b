//! Resources that lead to each other: an id of another one in the template becomes a reference to it, so that the
//! template can be deployed elsewhere, and in the right order.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::build::Object;

/// A value that stands for something else, which JSON alone cannot say. While a template is built it is an object of
/// one field, whose name is [reserved](is_reserved).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stand {
    /// The id of the object of this index.
    Id(usize),
    /// The id of what stands whole in the object of this index: its type, its names.
    Inside(usize, String, Vec<String>),
    /// A parameter.
    Parameter(String),
    /// Where the resource group is.
    GroupLocation,
}

const ID: &str = "\u{1}id";
const INSIDE: &str = "\u{1}inside";
const PARAMETER: &str = "\u{1}parameter";
const LOCATION: &str = "\u{1}location";

impl Stand {
    /// What it is while the template is built.
    pub fn value(&self) -> Value {
        let field = |name: &str, value: Value| Value::Object([(name.to_owned(), value)].into_iter().collect());
        match self {
            Self::Id(index) => field(ID, (*index).into()),
            Self::Inside(index, kind, names) => field(INSIDE, serde_json::json!([index, kind, names])),
            Self::Parameter(name) => field(PARAMETER, name.as_str().into()),
            Self::GroupLocation => field(LOCATION, Value::Null),
        }
    }

    /// Reads it back.
    pub fn of(value: &Value) -> Option<Self> {
        let fields = value.as_object().filter(|fields| fields.len() == 1)?;
        let (name, value) = fields.iter().next()?;
        let index = |value: &Value| usize::try_from(value.as_u64()?).ok();
        match name.as_str() {
            ID => Some(Self::Id(index(value)?)),
            INSIDE => {
                let (at, kind, names): (usize, String, Vec<String>) = serde_json::from_value(value.clone()).ok()?;
                Some(Self::Inside(at, kind, names))
            }
            PARAMETER => Some(Self::Parameter(value.as_str()?.to_owned())),
            LOCATION => Some(Self::GroupLocation),
            _ => None,
        }
    }
}

/// Reports whether a name of a field is one that only a [`Stand`] has. No object of Azure's has such a field; what
/// callers give is refused with one, since it would be taken for what the template itself says.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with('\u{1}')
}

/// Reports whether any of these fields, at any depth, has a reserved name.
pub fn has_reserved(fields: &Map<String, Value>) -> bool {
    fn within(value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().any(within),
            Value::Object(fields) => has_reserved(fields),
            _ => false,
        }
    }
    fields.iter().any(|(name, value)| is_reserved(name) || within(value))
}

/// Whom ids and names lead to.
#[derive(Debug, Default)]
pub struct Names {
    ids: BTreeMap<String, usize>,
    names: BTreeMap<String, Vec<usize>>,
}

impl Names {
    /// Learns where each object is.
    pub fn learn(&mut self, index: usize, id: Option<&str>, name: &str) {
        if let Some(id) = id {
            self.ids.insert(id.to_ascii_lowercase(), index);
        }
        self.names.entry(name.to_ascii_lowercase()).or_default().push(index);
    }

    /// The one object of a name.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn named(&self, name: &str) -> Result<usize, String> {
        match self.names.get(&name.to_ascii_lowercase()).map(Vec::as_slice) {
            Some([one]) => Ok(*one),
            Some(_) => Err(format!("there are several resources of the name `{name}`")),
            None => Err(format!("there is no resource of the name `{name}` in the list")),
        }
    }

    /// What an id leads to: an object, or something whole in one, such as a network's subnet.
    fn lead(&self, id: &str, objects: &[Object]) -> Option<Stand> {
        let lower = id.to_ascii_lowercase();
        if let Some(index) = self.ids.get(&lower) {
            return Some(Stand::Id(*index));
        }
        let (above, child) = lower.rsplit_once('/')?;
        let (above, _) = above.rsplit_once('/')?;
        inside(*self.ids.get(above)?, child, objects)
    }

    /// Puts references in place of ids and of `{ref: NAME}`, and gathers the objects that they lead to.
    pub fn resolve(&self, value: &mut Value, objects: &[Object], leads: &mut Vec<usize>) -> Result<(), String> {
        let reference =
            value.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.get("ref")?.as_str());
        let stand = match (reference, &*value) {
            (Some(name), _) => Some(self.reference(name, objects)?),
            (None, Value::String(text)) if text.starts_with('/') => self.lead(text, objects),
            _ => None,
        };
        if let Some(stand) = stand {
            if let Stand::Id(index) | Stand::Inside(index, ..) = &stand {
                leads.push(*index);
            }
            *value = stand.value();
            return Ok(());
        }
        match value {
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.resolve(item, objects, leads)),
            Value::Object(fields) => fields.values_mut().try_for_each(|field| self.resolve(field, objects, leads)),
            _ => Ok(()),
        }
    }

    /// What a name leads to: `net`, or `net/front` where `front` stands whole in `net`.
    fn reference(&self, name: &str, objects: &[Object]) -> Result<Stand, String> {
        let missing = match self.named(name) {
            Ok(index) => return Ok(Stand::Id(index)),
            Err(why) => why,
        };
        let within = || {
            let (above, child) = name.rsplit_once('/')?;
            inside(self.named(above).ok()?, child, objects)
        };
        within().ok_or(missing)
    }
}

/// Something that stands whole in the object of this index.
fn inside(index: usize, child: &str, objects: &[Object]) -> Option<Stand> {
    let object = objects.get(index)?;
    let (kind, child) = object.inside(child)?;
    let names = object.name.split('/').chain([child]).map(str::to_owned).collect();
    Some(Stand::Inside(index, kind.name().to_owned(), names))
}
