//! Reading the XML of answers, where everything may be absent.

pub use roxmltree::Document;
use roxmltree::Node;

use crate::client::Fault;
use crate::when;

/// Reads a document. One with a DTD is refused: answers have none, and entities are how
/// a small document becomes a large one.
pub fn parse(text: &str) -> Result<Document<'_>, Fault> {
    Document::parse(text).map_err(|error| Fault::unreadable(format!("the answer is not XML: {error}")))
}

/// Returns the outermost element.
pub fn root<'a>(document: &'a Document<'_>) -> Element<'a> {
    Element(Some(document.root_element()))
}

/// An element of an answer, or its absence, in which everything else is absent too.
#[derive(Debug, Clone, Copy)]
pub struct Element<'a>(Option<Node<'a, 'a>>);

impl<'a> Element<'a> {
    /// Goes to the first child at each step of a path such as `placement/availabilityZone`.
    pub fn at(self, path: &str) -> Self {
        path.split('/').fold(self, |element, name| Self(element.children().find(|child| has_name(*child, name))))
    }

    /// Goes to the first element of this name, at any depth, itself included.
    pub fn find(self, name: &str) -> Self {
        Self(self.0.and_then(|node| node.descendants().find(|child| has_name(*child, name))))
    }

    /// Reports whether there is such an element.
    pub const fn exists(self) -> bool {
        self.0.is_some()
    }

    /// Returns the text at a path, without spaces around it; none if it is absent or empty.
    pub fn text(self, path: &str) -> Option<&'a str> {
        self.at(path).own_text()
    }

    /// Returns the text at a path as it is, for what people wrote; none if it is absent or
    /// empty.
    pub fn verbatim(self, path: &str) -> Option<&'a str> {
        self.at(path).0?.text()
    }

    /// Returns the element's own text, without spaces around it; none if it is absent or
    /// empty.
    pub fn own_text(self) -> Option<&'a str> {
        let text = self.0?.text()?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// Returns the number at a path.
    pub fn number(self, path: &str) -> Option<i64> {
        self.text(path)?.parse().ok()
    }

    /// Returns the truth value at a path.
    pub fn truth(self, path: &str) -> Option<bool> {
        match self.text(path)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// Returns the elements of the list at a path, whatever the service calls each.
    pub fn list(self, path: &str) -> impl Iterator<Item = Self> + use<'a> {
        self.at(path).items()
    }

    /// Returns the elements right within it.
    pub fn items(self) -> impl Iterator<Item = Self> + use<'a> {
        self.children().map(|child| Self(Some(child)))
    }

    /// Returns the texts of the list at a path, each at a path of its own.
    pub fn texts(self, path: &str, each: &'static str) -> impl Iterator<Item = String> + use<'a> {
        self.list(path).filter_map(move |item| item.text(each)).map(str::to_owned)
    }

    /// Returns the texts of the list at a path.
    pub fn own_texts(self, path: &str) -> impl Iterator<Item = String> + use<'a> {
        self.list(path).filter_map(Self::own_text).map(str::to_owned)
    }

    /// Returns the time at a path, in the one form.
    pub fn time(self, path: &str) -> Option<String> {
        self.text(path).and_then(when::at)
    }

    /// Returns the tags in the list at a path, whatever the case of `key` and `value`.
    pub fn tags(self, path: &str) -> impl Iterator<Item = (String, String)> + use<'a> {
        self.list(path).filter_map(|item| {
            let key = item.verbatim("key").or_else(|| item.verbatim("Key"))?;
            let value = item.verbatim("value").or_else(|| item.verbatim("Value")).unwrap_or_default();
            Some((key.to_owned(), value.to_owned()))
        })
    }

    fn children(self) -> impl Iterator<Item = Node<'a, 'a>> + use<'a> {
        self.0.into_iter().flat_map(|node| node.children()).filter(Node::is_element)
    }
}

fn has_name(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}
