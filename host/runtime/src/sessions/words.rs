//! The words of a message: what is a word, a number, something quoted, a name with a value; and when
//! two words are taken for the same.
//!
//! Any text is read, in time that grows with its length alone: each part is looked at once, and what
//! does not close is not looked for again.

use serde_json::Value;

/// Words that say nothing of what is meant, so they meet the name of a skill alone.
const SMALL: [&str; 62] = [
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "could", "did", "do", "does", "for", "from", "had", "has",
    "have", "how", "i", "in", "is", "it", "its", "let", "like", "me", "my", "need", "now", "of", "on", "or", "our",
    "please", "shall", "should", "so", "some", "that", "the", "their", "them", "then", "there", "these", "this",
    "those", "to", "us", "want", "was", "we", "what", "when", "where", "which", "who", "why", "will", "with", "you",
];

/// A part of a message, in its order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    /// A run of letters and digits, with what joins them: `list_instances`, `eu-central-1`, `3.5`.
    Token(String),
    /// What stood in quotation marks.
    Quoted(String),
    /// `name=value` or `name: value`.
    Pair(String, Given),
}

/// The value of a pair.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given {
    /// As it was written.
    Plain(String),
    /// What stood in quotation marks.
    Quoted(String),
    /// A list or an object of JSON.
    Json(Value),
}

/// Takes a message apart.
pub(crate) fn parts(text: &str) -> Vec<Part> {
    let mut reader = Reader { rest: text, before: None, unclosed: Vec::new(), broken_json: false };
    let mut parts = Vec::new();
    while let Some(part) = reader.next() {
        parts.extend(part);
    }
    parts
}

struct Reader<'a> {
    rest: &'a str,
    before: Option<char>,
    /// Marks of which none comes any more.
    unclosed: Vec<char>,
    /// Whether a list or object was found not to be JSON; then none is looked for any more.
    broken_json: bool,
}

impl<'a> Reader<'a> {
    /// The next part, or a character that is of none; nothing at the end.
    fn next(&mut self) -> Option<Option<Part>> {
        let first = self.rest.chars().next()?;
        if let Some(quoted) = self.quoted() {
            return Some(Some(Part::Quoted(quoted)));
        }
        let is_minus = first == '-' && !self.before.is_some_and(char::is_alphanumeric);
        let is_negative = is_minus && self.rest.chars().nth(1).is_some_and(|next| next.is_ascii_digit());
        if !first.is_alphanumeric() && !is_negative {
            self.pass(first.len_utf8());
            return Some(None);
        }
        let token = self.token(first);
        Some(Some(match self.value_of(&token) {
            Some(value) => Part::Pair(token, value),
            None => Part::Token(token),
        }))
    }

    fn pass(&mut self, bytes: usize) -> &'a str {
        let (passed, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.before = passed.chars().next_back().or(self.before);
        self.rest = rest;
        passed
    }

    /// Letters and digits, and what stands between them.
    fn token(&mut self, first: char) -> String {
        let mut end = first.len_utf8();
        let mut chars = self.rest.char_indices().skip(1).peekable();
        while let Some((at, char)) = chars.next() {
            let joins =
                matches!(char, '_' | '-' | '.' | '/') && chars.peek().is_some_and(|(_, next)| next.is_alphanumeric());
            if !char.is_alphanumeric() && char != '_' && !joins {
                break;
            }
            end = at + char.len_utf8();
        }
        self.pass(end).to_owned()
    }

    /// What stands in quotation marks here.
    fn quoted(&mut self) -> Option<String> {
        let open = self.rest.chars().next()?;
        let close = match open {
            '"' | '`' => open,
            '\'' if !self.before.is_some_and(char::is_alphanumeric) => open,
            '“' | '„' => '”',
            '«' => '»',
            _ => return None,
        };
        if self.unclosed.contains(&close) {
            return None;
        }
        let inner = self.rest.get(open.len_utf8()..)?;
        let Some(end) = inner.find(close) else {
            self.unclosed.push(close);
            return None;
        };
        let inner = inner.get(..end)?.to_owned();
        self.pass(open.len_utf8() + end + close.len_utf8());
        Some(inner)
    }

    /// The value that a name has here.
    fn value_of(&mut self, name: &str) -> Option<Given> {
        if !name.starts_with(char::is_alphabetic) || name.contains(['.', '/']) {
            return None;
        }
        let after = self.rest.strip_prefix(['=', ':'])?;
        // An address is no pair, and neither is what ends a sentence.
        if after.starts_with(['=', '/', ':']) || after.trim_start_matches(' ').is_empty() {
            return None;
        }
        let spaces = after.len() - after.trim_start_matches(' ').len();
        let before = (self.rest, self.before);
        self.pass(1 + spaces);
        if let Some(quoted) = self.quoted() {
            return Some(Given::Quoted(quoted));
        }
        if self.rest.starts_with(['[', '{']) && !self.broken_json {
            let mut documents = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
            if let Some(Ok(value)) = documents.next() {
                let bytes = documents.byte_offset();
                self.pass(bytes);
                return Some(Given::Json(value));
            }
            self.broken_json = true;
        }
        let end = self.rest.find(|char: char| char.is_whitespace() || char == ';').unwrap_or(self.rest.len());
        let plain = self.rest.get(..end).unwrap_or_default();
        let plain = plain.trim_end_matches(['.', ',', '!', '?', ')']);
        if plain.is_empty() {
            (self.rest, self.before) = before;
            return None;
        }
        Some(Given::Plain(self.pass(plain.len()).to_owned()))
    }
}

/// The single words in a text or a name, in lower case: `listInstances` and `list_instances` have
/// two. An ideograph is a word of its own.
pub(crate) fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut was_lower) = (Vec::new(), String::new(), false);
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    for char in text.chars() {
        if !char.is_alphanumeric() || is_ideograph(char) || (was_lower && char.is_uppercase()) {
            end(&mut word);
        }
        if char.is_alphanumeric() {
            word.extend(char.to_lowercase());
        }
        if is_ideograph(char) {
            end(&mut word);
        }
        was_lower = char.is_lowercase();
    }
    end(&mut word);
    words
}

const fn is_ideograph(char: char) -> bool {
    matches!(char, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

/// Whether a word says nothing of what is meant.
pub(crate) fn is_small(word: &str) -> bool {
    SMALL.binary_search(&word).is_ok()
}

/// How many characters two words of one stem have in common at least.
pub(crate) const STEM_CHARS_MIN: usize = 3;

/// How many characters another word must have in common with this one, at least, to be of one stem.
pub(crate) fn common_chars_min(word: &str) -> usize {
    let length = word.chars().count();
    let as_longer = length.saturating_sub(4).max((length * 4).div_ceil(7));
    as_longer.min(length.saturating_sub(2)).max(STEM_CHARS_MIN)
}

/// Whether two different words are of one stem: they begin alike, and differ in an ending such as
/// `s`, `ing`, `ies` or `ment`.
pub(crate) fn one_stem(one: &str, other: &str) -> bool {
    let common = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let (one, other) = (one.chars().count(), other.chars().count());
    let (shorter, longer) = (one.min(other), one.max(other));
    common >= STEM_CHARS_MIN && shorter - common <= 2 && longer - common <= 4 && common * 7 >= longer * 4
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn plain(text: &str) -> Given {
        Given::Plain(text.to_owned())
    }

    fn token(text: &str) -> Part {
        Part::Token(text.to_owned())
    }

    fn pair(name: &str, value: Given) -> Part {
        Part::Pair(name.to_owned(), value)
    }

    #[test]
    fn small_words_are_in_order() {
        assert!(SMALL.is_sorted());
        assert!(is_small("the") && !is_small("list"));
    }

    #[test]
    fn a_message_is_taken_apart() {
        let text = "list_instances in eu-central-1, at -3.5: don't “say so” or 'so'.";
        let read = ["list_instances", "in", "eu-central-1", "at"].map(token);
        assert_eq!(parts(text)[..4], read);
        assert_eq!(parts(text)[4..7], ["-3.5", "don", "t"].map(token));
        let quoted = |text: &str| Part::Quoted(text.to_owned());
        assert_eq!(parts(text)[7..], [quoted("say so"), token("or"), quoted("so")]);
    }

    #[test]
    fn a_name_has_its_value_however_it_is_written() {
        assert_eq!(parts("key=visits, n: 5."), [pair("key", plain("visits")), pair("n", plain("5"))]);
        assert_eq!(parts("key: \"a b\" go"), [pair("key", Given::Quoted("a b".into())), token("go")]);
        assert_eq!(parts("keys=[1, \"b\"]!"), [pair("keys", Given::Json(json!([1, "b"])))]);
        assert_eq!(parts("url=https://a.example/b?c=d"), [pair("url", plain("https://a.example/b?c=d"))]);
        for not in ["https://a.example", "5: no", "so:", "a == b", "a: , b"] {
            assert!(parts(not).iter().all(|part| !matches!(part, Part::Pair(..))), "{not}: {:?}", parts(not));
        }
    }

    #[test]
    fn names_are_words() {
        assert_eq!(words("listEC2Instances list_ec2-instances"), ["list", "ec2instances", "list", "ec2", "instances"]);
        assert_eq!(words("Größe 東京 Ελλάς"), ["größe", "東", "京", "ελλάς"]);
    }

    #[test]
    fn words_of_one_stem_are_known() {
        for (one, other) in [
            ("instance", "instances"),
            ("summary", "summaries"),
            ("deploy", "deployment"),
            ("list", "listing"),
            ("count", "counts"),
            ("tag", "tags"),
        ] {
            assert!(one_stem(one, other) && one_stem(other, one), "{one} {other}");
        }
        for (one, other) in [("region", "register"), ("internet", "interval"), ("in", "ins"), ("cat", "car"), ("", "")]
        {
            assert!(!one_stem(one, other), "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn words_of_one_stem_begin_alike(stem in "[a-c]{0,9}", one in "[a-c]{0,5}", other in "[a-c]{0,5}") {
            let (one, other) = (format!("{stem}{one}"), format!("{stem}{other}"));
            if one_stem(&one, &other) {
                let begin: String = one.chars().take(common_chars_min(&one)).collect();
                prop_assert!(other.starts_with(&begin), "{one} {other}");
            }
        }

        #[test]
        fn any_text_is_read_and_the_same_text_alike(text in any::<String>()) {
            let read = parts(&text);
            prop_assert_eq!(&read, &parts(&text));
            let length: usize = read.iter().map(|part| match part {
                Part::Token(token) => token.len(),
                Part::Quoted(quoted) => quoted.len(),
                Part::Pair(name, _) => name.len(),
            }).sum();
            prop_assert!(length <= text.len());
            for word in words(&text) {
                prop_assert!(word.chars().any(char::is_alphanumeric));
            }
        }

        #[test]
        fn what_does_not_close_takes_no_longer(text in "([\"'“„«`\\[{a=: ]|\\PC){0,400}") {
            let text = text.repeat(16);
            let begun = std::time::Instant::now();
            parts(&text);
            prop_assert!(begun.elapsed() < std::time::Duration::from_secs(2));
        }
    }
}
