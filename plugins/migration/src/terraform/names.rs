//! Names that Terraform and clouds take, made of names that people gave.
//!
//! A name has what people called the resource, as far as the letters are allowed, and eight digits of its key's
//! digest: so it is the same whenever it is made, whatever else is in the estate, and two resources never share one.

use sha2::{Digest, Sha256};
use troupe_estate::Resource;

/// Digits of the digest in a name.
const DIGITS: usize = 8;

/// Characters of what people called it.
const CALLED_CHARS_MAX: usize = 40;

/// What of a name a cloud takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Letters, digits and `_`, beginning with a letter: Terraform's own names.
    Terraform,
    /// Lower-case letters, digits and `-`, beginning with a letter: most names of clouds.
    Dashes,
    /// Lower-case letters and digits.
    Plain,
}

fn digits(resource: &Resource) -> String {
    let mut digest = hex::encode(Sha256::digest(resource.key().to_string()));
    digest.truncate(DIGITS);
    digest
}

/// The name of a resource in a form, of so many characters at most (at least 16).
pub fn of(resource: &Resource, form: Form, most: usize) -> String {
    let called = resource.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(&resource.id);
    let called = called.trim_end_matches('/').rsplit('/').next().unwrap_or(called);
    let most = most.max(2 * DIGITS);
    let slug = slug(called, form, CALLED_CHARS_MAX.min(most - DIGITS - 1));
    let digits = digits(resource);
    match form {
        Form::Terraform => format!("{slug}_{digits}"),
        Form::Dashes => format!("{slug}-{digits}"),
        Form::Plain => format!("{slug}{digits}"),
    }
}

/// A text in the letters of a form; never empty, and beginning with a letter.
pub fn slug(text: &str, form: Form, most: usize) -> String {
    let between = match form {
        Form::Terraform => Some('_'),
        Form::Dashes => Some('-'),
        Form::Plain => None,
    };
    let mut slug = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            if slug.is_empty() && c.is_ascii_digit() {
                slug.push('n');
            }
            slug.push(c.to_ascii_lowercase());
        } else if let Some(between) = between.filter(|between| !slug.is_empty() && !slug.ends_with(*between)) {
            slug.push(between);
        }
    }
    slug.truncate(most);
    let slug = slug.trim_end_matches(['_', '-']);
    if slug.is_empty() { "x".to_owned() } else { slug.to_owned() }
}

/// A key or value of a label of Google's: lower-case letters, digits, `_` and `-`, 63 at most; a key begins with a
/// letter.
pub fn label(text: &str, is_key: bool) -> String {
    let letter = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' => c,
        _ => '_',
    };
    let mut label: String = text.chars().map(letter).take(63).collect();
    if is_key && !label.starts_with(|c: char| c.is_ascii_lowercase()) {
        label.insert(0, 'k');
        label.truncate(63);
    }
    label
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_keep_what_people_called_it() {
        let resource = Resource::new("aws.ec2.instance", "r", "i-1").name("Web Server (1)");
        assert!(of(&resource, Form::Terraform, 60).starts_with("web_server_1_"));
        assert!(of(&resource, Form::Dashes, 60).starts_with("web-server-1-"));
        assert_eq!(of(&resource, Form::Plain, 24).len(), 10 + DIGITS);
        assert_eq!((label("Über-Team", true).as_str(), label("1", true).as_str()), ("k_ber-team", "k1"));
    }

    proptest! {
        #[test]
        fn names_are_allowed_and_of_one_resource_alone(names in proptest::collection::btree_set(".{0,80}", 1..20)) {
            let mut seen = BTreeSet::new();
            for name in &names {
                let resource = Resource::new("aws.ec2.instance", "r", name.clone());
                let terraform = of(&resource, Form::Terraform, 60);
                prop_assert!(terraform.starts_with(|c: char| c.is_ascii_lowercase()));
                prop_assert!(terraform.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
                let dashes = of(&resource, Form::Dashes, 30);
                prop_assert!(dashes.len() <= 30 && !dashes.contains("--") && !dashes.ends_with('-'));
                let plain = of(&resource, Form::Plain, 24);
                prop_assert!(plain.len() <= 24 && plain.chars().all(|c| c.is_ascii_alphanumeric()));
                prop_assert!(seen.insert(terraform));
                let label = label(name, true);
                prop_assert!(!label.is_empty() && label.len() <= 63);
            }
        }
    }
}
