//! The format of `~/.aws/credentials` and `~/.aws/config`.
//!
//! Sections in brackets, settings as `name = value`, comments after `#` or `;` at the
//! beginning of a line. An indented line belongs to the setting above it and holds a
//! setting of its own, as in
//!
//! ```text
//! [services local]
//! dynamodb =
//!   endpoint_url = http://127.0.0.1:8000
//! ```
//!
//! The SDKs differ about a comment behind a value (` #`): as in the AWS CLI it is part of
//! the value.

use std::collections::BTreeMap;

use troupe_core::{Code, Error, Result};

/// One setting: its value and the settings beneath it.
#[derive(Debug, Default, Clone)]
pub(super) struct Setting {
    pub(super) value: String,
    pub(super) nested: BTreeMap<String, String>,
}

/// The settings of one section, by name in lower case.
pub(super) type Section = BTreeMap<String, Setting>;

/// A file of sections, by name.
#[derive(Debug, Default)]
pub(super) struct File {
    sections: BTreeMap<String, Section>,
}

impl File {
    /// Reads a file's text; `path` is for messages.
    pub(super) fn parse(path: &str, text: &str) -> Result<Self> {
        let mut file = Self::default();
        let mut section: Option<String> = None;
        let mut setting: Option<String> = None;
        for (at, line) in text.lines().enumerate() {
            let invalid = |why: &str| Error::new(Code::CredentialsInvalid, format!("{path}, line {}, {why}", at + 1));
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
                continue;
            }
            let indented = line.starts_with([' ', '\t']);
            if let Some(inner) = trimmed.strip_prefix('[').filter(|_| !indented) {
                let (name, _) = inner.split_once(']').ok_or_else(|| invalid("has no closing bracket"))?;
                let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
                file.sections.entry(name.clone()).or_default();
                (section, setting) = (Some(name), None);
                continue;
            }
            let (name, value) = trimmed.split_once('=').ok_or_else(|| invalid("is not of the form `name = value`"))?;
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
            let its = section.as_ref().and_then(|section| file.sections.get_mut(section));
            let its = its.ok_or_else(|| invalid("stands before the first section"))?;
            match setting.as_ref().filter(|_| indented).and_then(|above| its.get_mut(above)) {
                Some(above) => {
                    above.nested.insert(name, value);
                }
                None => {
                    its.insert(name.clone(), Setting { value, nested: BTreeMap::new() });
                    setting = Some(name);
                }
            }
        }
        Ok(file)
    }

    /// The section of this name.
    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.get(name)
    }
}
