//! YAML for documents that people write by hand (YAML 1.2.2, core schema), as RFC 9512 sends it.
//!
//! *The attack:* a few lines of aliases become gigabytes, or a word that looks like one kind of value is
//! read as another. *The rule:* what may come of a text is bounded before it is read, numbers and truth
//! values are those of the core schema alone, and a key stands once. *The default:* everything else is text.

use serde_json::Value;

use crate::{Code, Error, Result, limits, shown};

/// The media type.
pub const MEDIA_TYPE: &str = "application/yaml";

/// Nodes of one document: lists, mappings and scalars, aliases followed.
const NODES_MAX: usize = 50_000;

/// Reads one document.
///
/// # Errors
/// [`Code::LimitRequest`] if it is longer than [`limits::YAML_BYTES_MAX`]; [`Code::RequestInvalid`],
/// naming line and column.
pub fn read(text: &[u8]) -> Result<Value> {
    let (bytes, most) = (text.len(), limits::YAML_BYTES_MAX);
    if bytes > most {
        return Err(Error::new(Code::LimitRequest, format!("the YAML has {bytes} bytes, the limit is {most}")));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: 1,
            max_depth: limits::JSON_DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_events: 2 * NODES_MAX,
            max_total_scalar_bytes: limits::YAML_BYTES_MAX,
        },
        strict_booleans: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    serde_saphyr::from_slice_with_options(text, options).map_err(|error| {
        let why: String = shown(error.to_string().trim()).chars().take(300).collect();
        Error::new(Code::RequestInvalid, format!("the YAML cannot be read: {why}"))
    })
}

/// Writes a document, so that [`read`] gives the same.
///
/// # Errors
/// None that a caller could cause.
pub fn write(document: &Value) -> Result<String> {
    serde_saphyr::to_string(document).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn document() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "\\PC*",
            "[ -~\n\t]{0,40}",
            prop::sample::select(vec![
                "",
                "yes",
                "No",
                "on",
                "~",
                "null",
                "true",
                "TRUE",
                "1",
                "-1",
                "1.5",
                "1e3",
                "0x1F",
                "0o17",
                "017",
                "1_000",
                ".inf",
                ".nan",
                "2026-11-28",
                "a: b",
                "- a",
                "# a",
                "a #b",
                "&a",
                "*a",
                "!a",
                "|",
                ">",
                "%a",
                "@a",
                "`a",
                "\"",
                "'",
                " a",
                "a ",
                "a\nb",
                "\n",
                "a\n\n",
                "---",
                "...",
                "<<",
                "=",
                "{",
                "[",
                "${a}",
            ])
            .prop_map(str::to_owned),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1.0e15..1.0e15f64).prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(text.clone(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(document in document()) {
            let text = write(&document).unwrap();
            prop_assert_eq!(read(text.as_bytes()).unwrap(), document, "{}", text);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = read(text.as_bytes());
        }
    }

    #[test]
    fn words_are_text_unless_the_core_schema_says_otherwise() {
        let read = read(b"a: yes\nb: 1.0.0\nc: true\nd: 0x10\ne: ~\nf: 1_000\ng: \"1\"").unwrap();
        assert_eq!(read, json!({ "a": "yes", "b": "1.0.0", "c": true, "d": 16, "e": null, "f": "1_000", "g": "1" }));
    }

    #[test]
    fn what_is_too_much_or_wrong_is_refused_by_line() {
        let refused = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
        assert!(refused("a: 1\na: 2").contains("line 2"), "{}", refused("a: 1\na: 2"));
        let laughs = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
            let of = n - 1;
            format!("{text}a{n}: &a{n} [*a{of}, *a{of}]\n")
        });
        refused(&laughs);
        refused(&"[".repeat(10_000));
        refused("a: 1\n---\nb: 2");
        refused("a: .nan");
        assert_eq!(super::read(&vec![b'a'; limits::YAML_BYTES_MAX + 1]).unwrap_err().code, Code::LimitRequest);
    }
}
