//! Secrets that must show nowhere, and the search for them.
//!
//! **The attack.** Something that the host acts with is told on: by a line of the log, an answer, a row of a
//! journal, a file. Nobody looks, since no test asked for just that.
//!
//! **The rule.** Every host of the suites is started with a canary among its secrets, with which agents act
//! wherever a suite lets them ([`Host::acting_at`](crate::Host::acting_at)). The secrets that a suite gives it are
//! watched, too ([`Host::with_secret`](crate::Host::with_secret)), and so is every token that a server of
//! [`identity`](crate::identity) hands out, from then on. Answers are searched as they come; what
//! the host said and every file that it left are searched when the [`Host`](crate::Host) is dropped, in every
//! suite, and rows of journals as they were before they were compressed.
//!
//! **The forms.** Plain, in hexadecimal, base64, percent escapes and as JSON escapes it, each half of a long
//! secret by itself, since a database cuts a long value into pages.

mod journals;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use walkdir::WalkDir;

/// Shortest secret that is watched. A shorter one stands somewhere by chance.
pub const LENGTH_MIN: usize = 12;

/// Shortest secret whose halves are watched for.
const HALVED_LENGTH_MIN: usize = 32;

/// Makes a secret that stands nowhere else: `canary` and 32 random hexadecimal digits.
pub fn canary() -> String {
    format!("canary{:032x}", rand::random::<u128>())
}

/// The secrets that one host must not tell. Clones watch for the same.
#[derive(Clone, Default)]
pub struct Canaries(Arc<Mutex<Watched>>);

#[derive(Default)]
struct Watched {
    secrets: Vec<String>,
    /// What each pattern is a spelling of.
    spelt: Vec<&'static str>,
    patterns: Vec<Vec<u8>>,
    /// None: something is watched since it was made.
    search: Option<AhoCorasick>,
}

impl fmt::Debug for Canaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Canaries({})", self.lock().secrets.len())
    }
}

impl Canaries {
    /// Watches for a secret from now on.
    pub fn watch(&self, secret: &str) {
        assert!(secret.len() >= LENGTH_MIN, "a secret of {} bytes could stand somewhere by chance", secret.len());
        let mut watched = self.lock();
        if watched.secrets.iter().any(|known| known == secret) {
            return;
        }
        watched.secrets.push(secret.to_owned());
        let middle = if secret.len() >= HALVED_LENGTH_MIN { secret.len() / 2 } else { secret.len() };
        let (first, second) = secret.as_bytes().split_at(middle);
        for piece in [first, second].into_iter().filter(|piece| !piece.is_empty()) {
            for (form, pattern) in forms(piece) {
                watched.spelt.push(form);
                watched.patterns.push(pattern);
            }
        }
        watched.search = None;
    }

    /// Watches for each line of a secret that is long enough to be told by.
    pub fn watch_lines(&self, secret: &str) {
        secret
            .lines()
            .filter(|line| line.len() >= HALVED_LENGTH_MIN && !line.starts_with("--"))
            .for_each(|line| self.watch(line));
    }

    /// The first secret in some bytes, by the form in which it stands there and what stands around it.
    pub fn found_in(&self, bytes: &[u8]) -> Option<String> {
        let mut watched = self.lock();
        let Watched { patterns, search, .. } = &mut *watched;
        let search = search.get_or_insert_with(|| {
            let search = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(&*patterns);
            search.expect("patterns that fit into memory")
        });
        let found = search.find(bytes)?;
        let around = &bytes[found.start().saturating_sub(40)..bytes.len().min(found.end() + 40)];
        let form = watched.spelt[found.pattern().as_usize()];
        Some(format!("a secret, {form}, in `{}`", around.escape_ascii()))
    }

    /// Fails the test if a secret stands in what was told.
    #[track_caller]
    pub fn expect_none_in(&self, what: &str, told: &[u8]) {
        if let Some(found) = self.found_in(told) {
            panic!("{what} holds {found}");
        }
    }

    /// What is found in the files of a directory, and in what the journals of its databases hold compressed.
    pub fn found_below(&self, dir: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut databases = BTreeSet::new();
        let files = WalkDir::new(dir).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
        for file in files {
            // Gone since the directory was read: a file that a write was under way to.
            let Ok(bytes) = fs::read(file.path()) else { continue };
            found.extend(self.found_in(&bytes).map(|what| format!("{} holds {what}", file.path().display())));
            databases.extend(journals::compressed(file.path(), &bytes));
        }
        for database in databases {
            journals::each(&database, |place, bytes| {
                let place = format!("{place} of {}", database.display());
                found.extend(self.found_in(bytes).map(|what| format!("{place} holds {what}")));
            });
        }
        found
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The spellings of a secret, each with its name.
fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let escaped = |upper: bool| -> String {
        let escape = |byte: &u8| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
        secret.iter().map(escape).collect()
    };
    let some_escaped: String = secret
        .iter()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    let hexadecimal: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![
        ("plain", secret.to_vec()),
        ("in upper case", secret.to_ascii_uppercase()),
        ("in hexadecimal", hexadecimal.to_uppercase().into_bytes()),
        ("in hexadecimal", hexadecimal.into_bytes()),
        ("in percent escapes", escaped(true).into_bytes()),
        ("in percent escapes", escaped(false).into_bytes()),
        ("in percent escapes", some_escaped.to_lowercase().into_bytes()),
        ("in percent escapes", some_escaped.into_bytes()),
    ];
    if let Ok(text) = std::str::from_utf8(secret) {
        let quoted = serde_json::Value::from(text).to_string();
        forms.push(("in JSON", quoted.as_bytes()[1..quoted.len() - 1].to_vec()));
    }
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend(secret);
        // Without the characters that the bytes around it have a part in.
        let (first, last) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        for encoded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            forms.push(("in base64", encoded.as_bytes()[first..last].to_vec()));
        }
    }
    forms
}
