//! A reader of as much of HCL as the agent writes, by which the tests get back what was written.
//!
//! It is strict: a template, a text that does not end, a name that is none or a brace too many is an error.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::samples::ask;

/// A block: what it is, its labels, its attributes as JSON (a reference as `{"$": "a.b.c"}`), what is in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Block {
    pub kind: String,
    pub labels: Vec<String>,
    pub attributes: BTreeMap<String, Value>,
    pub blocks: Vec<Block>,
}

struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
}

type Read<T> = Result<T, String>;

/// Reads a document.
pub fn read(text: &str) -> Read<Vec<Block>> {
    let mut reader = Reader { rest: text.chars().peekable() };
    let mut blocks = Vec::new();
    loop {
        reader.blank();
        if reader.rest.peek().is_none() {
            return Ok(blocks);
        }
        let name = reader.word()?;
        blocks.push(reader.block(name)?);
    }
}

impl Reader<'_> {
    /// Passes over spaces, lines' ends and comments.
    fn blank(&mut self) {
        while let Some(c) = self.rest.peek().copied() {
            if c == '#' {
                while self.rest.next().is_some_and(|c| c != '\n') {}
            } else if c.is_ascii_whitespace() {
                self.rest.next();
            } else {
                return;
            }
        }
    }

    fn space(&mut self) {
        while self.rest.next_if(|c| *c == ' ').is_some() {}
    }

    fn word(&mut self) -> Read<String> {
        let mut word = String::new();
        while let Some(c) = self.rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
            word.push(c);
        }
        if word.is_empty() { Err(format!("a name is missing before {:?}", self.rest.peek())) } else { Ok(word) }
    }

    fn expect(&mut self, wanted: char) -> Read<()> {
        match self.rest.next() {
            Some(c) if c == wanted => Ok(()),
            other => Err(format!("{wanted:?} is missing before {other:?}")),
        }
    }

    fn block(&mut self, kind: String) -> Read<Block> {
        let mut block = Block { kind, ..Block::default() };
        self.space();
        while self.rest.peek() == Some(&'"') {
            block.labels.push(self.text()?);
            self.space();
        }
        self.expect('{')?;
        loop {
            self.blank();
            if self.rest.next_if_eq(&'}').is_some() {
                return Ok(block);
            }
            let name = self.word()?;
            self.space();
            if self.rest.next_if_eq(&'=').is_some() {
                self.space();
                let value = self.value()?;
                if block.attributes.insert(name.clone(), value).is_some() {
                    return Err(format!("{name} is said twice"));
                }
            } else {
                block.blocks.push(self.block(name)?);
            }
        }
    }

    fn value(&mut self) -> Read<Value> {
        match self.rest.peek().copied() {
            Some('"') => self.text().map(Value::from),
            Some('[') => {
                self.rest.next();
                let mut items = Vec::new();
                loop {
                    self.space();
                    if self.rest.next_if_eq(&']').is_some() {
                        return Ok(items.into());
                    }
                    items.push(self.value()?);
                    self.rest.next_if_eq(&',');
                }
            }
            Some('{') => {
                self.rest.next();
                let mut entries = serde_json::Map::new();
                loop {
                    self.blank();
                    if self.rest.next_if_eq(&'}').is_some() {
                        return Ok(entries.into());
                    }
                    let name = if self.rest.peek() == Some(&'"') { self.text()? } else { self.word()? };
                    self.space();
                    self.expect('=')?;
                    self.space();
                    let value = self.value()?;
                    if entries.insert(name.clone(), value).is_some() {
                        return Err(format!("{name} is said twice"));
                    }
                }
            }
            _ => {
                let mut word = String::new();
                while let Some(c) = self.rest.next_if(|c| c.is_ascii_alphanumeric() || "_.-".contains(*c)) {
                    word.push(c);
                }
                match word.as_str() {
                    "" => Err(format!("a value is missing before {:?}", self.rest.peek())),
                    "true" => Ok(true.into()),
                    "false" => Ok(false.into()),
                    word => Ok(word.parse::<f64>().map_or_else(|_| json!({ "$": word }), Value::from)),
                }
            }
        }
    }

    fn text(&mut self) -> Read<String> {
        self.expect('"')?;
        let mut text = String::new();
        loop {
            match self.rest.next().ok_or("a text does not end")? {
                '"' => return Ok(text),
                '\n' => return Err("a text has a line's end".to_owned()),
                c @ ('$' | '%') => {
                    text.push(c);
                    if self.rest.peek() == Some(&'{') {
                        return Err(format!("`{text}` begins a template"));
                    }
                    // `$${` is `${`; other runs of the sign stand for themselves.
                    if self.rest.peek() == Some(&c) {
                        let mut ahead = self.rest.clone();
                        ahead.next();
                        if ahead.next() == Some('{') {
                            self.rest.next();
                            self.rest.next();
                            text.push('{');
                        }
                    }
                }
                '\\' => match self.rest.next().ok_or("a text does not end")? {
                    'n' => text.push('\n'),
                    'r' => text.push('\r'),
                    't' => text.push('\t'),
                    '"' => text.push('"'),
                    '\\' => text.push('\\'),
                    'u' => {
                        let digits: String = self.rest.by_ref().take(4).collect();
                        let number = u32::from_str_radix(&digits, 16).map_err(|error| error.to_string())?;
                        text.push(char::from_u32(number).ok_or("no character")?);
                    }
                    other => return Err(format!("\\{other} is no escape")),
                },
                c if c.is_control() => return Err(format!("{c:?} stands for itself")),
                c => text.push(c),
            }
        }
    }
}

/// The blocks of all files of an answer.
pub fn blocks(terraform: &Value) -> Vec<Block> {
    let files = terraform["files"].as_array().unwrap();
    let read = |file: &Value| {
        let text = file["text"].as_str().unwrap();
        read(text).unwrap_or_else(|why| panic!("{}: {why}\n{text}", file["name"]))
    };
    files.iter().flat_map(read).collect()
}

#[test]
fn the_reader_refuses_what_is_no_plain_text() {
    assert!(read("a \"${x}\" {}").is_err());
    assert!(read("a {\n b = \"%{x}\"\n}").is_err());
    assert!(read("a {\n b = \"x\n\"\n}").is_err());
    assert!(read("a {").is_err());
    assert_eq!(read("a {\n b = \"$${x} $$ %\"\n}").unwrap()[0].attributes["b"], "${x} $$ %");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_people_call_things_is_read_back_and_never_code(
        name in any::<String>(), id in any::<String>(), tag in any::<String>(), value in any::<String>(),
        evil in prop::sample::select(vec!["${file(\"/etc/passwd\")}", "\"\n}\nresource", "%{ for x in y }", "\\", "$${", "\u{2028}#"]),
    ) {
        for cloud in ["aws", "azure", "gcp"] {
            let zone = json!({ "id": format!("{id}{evil}"), "type": "aws.route53.hosted-zone", "class": "network.dns_zone",
                "provider": "aws", "region": "global", "name": format!("{evil}{name}"),
                "tags": { "app": "x", format!("{tag}{evil}"): format!("{value}{evil}") } });
            let role = json!({ "id": format!("role {id}{evil}"), "type": "aws.iam.role", "class": "identity.role",
                "provider": "aws", "region": "global", "name": format!("{evil}{name}"), "tags": {} });
            let terraform = ask("terraform", &[zone, role], cloud, json!({}));
            let all = blocks(&terraform);
            let of = |kind: &str| all.iter().find(|block| block.labels.first().is_some_and(|label| label.contains(kind)));
            let zone = of("zone").unwrap();
            let written = zone.attributes.get("dns_name").or(zone.attributes.get("name")).unwrap();
            let given = format!("{evil}{name}");
            prop_assert_eq!(written.as_str().unwrap().trim_end_matches('.'), given.trim_end_matches('.'));
            if let Some(account) = of("service_account") {
                let called: String = format!("{evil}{name}").chars().take(100).collect();
                prop_assert_eq!(account.attributes["display_name"].as_str().unwrap(), called);
            }
        }
    }
}
