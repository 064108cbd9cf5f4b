//! Reading JSON answers where everything may be absent, as [`crate::protocol::xml::Element`]
//! does for XML.

use serde_json::Value;

use crate::client::Fault;
use crate::when;

/// A value of an answer, or its absence, in which everything else is absent too.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a>(Option<&'a Value>);

impl<'a> Item<'a> {
    /// Begins with a whole answer, which is an object whatever was asked.
    pub fn new(answer: &'a Value) -> Result<Self, Fault> {
        if answer.is_object() { Ok(Self(Some(answer))) } else { Err(Fault::unreadable("the answer is not an object")) }
    }

    /// Goes along the fields of a path such as `VpcConfig/SubnetIds`; an empty path stays.
    pub fn at(self, path: &str) -> Self {
        let names = path.split('/').filter(|name| !name.is_empty());
        names.fold(self, |item, name| Self(item.0.and_then(|value| value.get(name))))
    }

    /// Goes to the field of this very name, which may have a slash in it.
    pub fn at_key(self, name: &str) -> Self {
        Self(self.0.and_then(|value| value.get(name)))
    }

    /// Reports whether there is such a value, and not `null`.
    pub fn exists(self) -> bool {
        self.0.is_some_and(|value| !value.is_null())
    }

    /// Returns the text at a path; none if it is absent or empty.
    pub fn text(self, path: &str) -> Option<&'a str> {
        self.at(path).0?.as_str().filter(|text| !text.is_empty())
    }

    /// Returns the whole number at a path.
    pub fn number(self, path: &str) -> Option<i64> {
        self.at(path).0?.as_i64()
    }

    /// Returns the number at a path, whole or not.
    pub fn decimal(self, path: &str) -> Option<f64> {
        self.at(path).0?.as_f64()
    }

    /// Returns the truth value at a path.
    pub fn truth(self, path: &str) -> Option<bool> {
        self.at(path).0?.as_bool()
    }

    /// Returns the time at a path, be it seconds since 1970 or text, in the one form.
    pub fn time(self, path: &str) -> Option<String> {
        match self.at(path).0? {
            Value::Number(seconds) => seconds.as_f64().and_then(when::at_seconds),
            Value::String(text) => when::at(text),
            _ => None,
        }
    }

    /// Returns the items of the list at a path.
    pub fn list(self, path: &str) -> impl Iterator<Item = Self> + use<'a> {
        self.at(path).0.and_then(Value::as_array).into_iter().flatten().map(|item| Self(Some(item)))
    }

    /// Returns the texts of the list at a path.
    pub fn texts(self, path: &str) -> impl Iterator<Item = String> + use<'a> {
        self.list(path).filter_map(|item| item.text("")).map(str::to_owned)
    }

    /// Returns the texts at a path of their own in each item of the list at a path.
    pub fn texts_of(self, path: &str, each: &'static str) -> impl Iterator<Item = String> + use<'a> {
        self.list(path).filter_map(move |item| item.text(each)).map(str::to_owned)
    }

    /// Returns the names and texts of the object at a path.
    pub fn entries(self, path: &str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let fields = self.at(path).0.and_then(Value::as_object).into_iter().flatten();
        fields.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }

    /// Returns the tags at a path: a list of keys and values, whatever the case of these words
    /// and whatever the service calls a key, or an object.
    pub fn tags(self, path: &str) -> impl Iterator<Item = (String, String)> + use<'a> {
        let text = |item: Self, names: &[&str]| names.iter().find_map(|name| item.at(name).0?.as_str());
        let listed = self.list(path).filter_map(move |item| {
            let key = text(item, &["key", "Key", "TagKey", "tagKey"])?;
            Some((key, text(item, &["value", "Value", "TagValue", "tagValue"]).unwrap_or_default()))
        });
        listed.chain(self.entries(path)).map(|(key, value)| (key.to_owned(), value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_absent_empty_or_of_another_kind_is_none() {
        let answer = json!({ "a": { "b": "c", "n": 7, "t": true, "empty": "", "null": null }, "list": ["x", 1, "y"] });
        let item = Item::new(&answer).unwrap();
        assert_eq!((item.text("a/b"), item.number("a/n"), item.truth("a/t")), (Some("c"), Some(7), Some(true)));
        for path in ["a", "a/n", "a/empty", "a/null", "a/b/c", "no/such/thing"] {
            assert_eq!(item.text(path), None, "{path}");
        }
        assert_eq!(item.texts("list").collect::<Vec<_>>(), ["x", "y"]);
        assert!(!item.at("a/null").exists() && item.at("a/empty").exists());
        assert!(Item::new(&json!([])).is_err());
    }

    #[test]
    fn times_and_tags_are_read_in_each_form() {
        let answer = json!({
            "s": 1_735_689_600.25, "t": "2025-01-01T00:00:00.000Z",
            "list": [{ "TagKey": "a", "TagValue": "1" }, { "key": "b" }], "map": { "a": "1", "b": "" }
        });
        let item = Item::new(&answer).unwrap();
        assert_eq!((item.time("s"), item.time("t")), (item.time("t"), Some("2025-01-01T00:00:00Z".to_owned())));
        assert!(item.tags("list").eq(item.tags("map")));
        assert_eq!(item.tags("map").count(), 2);
    }
}
