//! What one rule says of one resource.

use serde_json::Value;
use troupe_estate::{Finding, Place, Reference};

use crate::judge::{Base, Judge, Subject, Truth};
use crate::rule::Rule;

/// Most findings of one rule at one resource, so that a list of a million elements is no flood.
pub const EACH_MAX: usize = 200;

/// What a rule says of a resource.
#[derive(Default)]
pub struct Verdict {
    /// Whether it is about the resource at all.
    pub applies: bool,
    /// What failed.
    pub findings: Vec<Finding>,
    /// Why some of it could not be decided.
    pub undecided: Option<String>,
}

/// What a rule says of a resource.
pub fn verdict(judge: &Judge<'_>, rule: &Rule, at: usize, subject: &Subject) -> Verdict {
    let mut verdict = Verdict::default();
    let mut doubt: Option<String> = None;
    match rule.when.as_ref().map(|when| judge.judge(Base::Resource(at), when)) {
        None | Some(Truth::Yes) => {}
        Some(Truth::No) => return verdict,
        // If it cannot fail, whether it applies does not matter.
        Some(Truth::Unknown(why)) => doubt = Some(why),
    }
    verdict.applies = true;
    let mut take = |truth: Truth, found: &dyn Fn() -> Finding| match (truth, &doubt) {
        (Truth::Yes, None) => verdict.findings.push(found()),
        (Truth::Yes, Some(why)) => verdict.undecided = Some(why.clone()),
        (Truth::Unknown(why), _) => verdict.undecided = Some(why),
        (Truth::No, _) => {}
    };
    let about = || About { reference: subject.resource.reference(), place: subject.place.as_ref() };
    let whole = || finding(rule, about(), "", judge.evidence(Base::Resource(at), &rule.fail));
    match &rule.each {
        None => {
            take(judge.judge(Base::Resource(at), &rule.fail), &whole);
        }
        Some(each) => match judge.elements(at, &each.path) {
            Err(why) => take(Truth::Unknown(why), &whole),
            Ok(elements) => {
                for element in elements.iter().take(EACH_MAX) {
                    if let Some(why) = crate::unknown::reason(element) {
                        take(Truth::unknown(why), &whole);
                        continue;
                    }
                    let base = Base::Element(element, at);
                    take(judge.judge(base, &rule.fail), &|| {
                        let own = discriminator(&each.discriminator, element);
                        finding(rule, about(), &own, judge.evidence(base, &rule.fail))
                    });
                }
                if elements.len() > EACH_MAX {
                    let why = format!(
                        "{} has more than {EACH_MAX} elements; the first of them were looked at",
                        each.path.text
                    );
                    take(Truth::Unknown(why), &whole);
                }
            }
        },
    }
    verdict
}

/// Puts an element's values in the place of their names: `{protocol}/{from_port}`.
fn discriminator(pattern: &str, element: &Value) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else { break };
        let value =
            name.split('.').try_fold(element, |value, key| if key.is_empty() { Some(value) } else { value.get(key) });
        match value {
            Some(Value::String(text)) => out.push_str(text),
            None | Some(Value::Null) => out.push('-'),
            Some(value) => out.push_str(&value.to_string()),
        }
        rest = after;
    }
    out.push_str(rest);
    out.chars().take(200).collect()
}

/// What a finding is about, and where it is written down.
pub struct About<'a> {
    /// The resource.
    pub reference: Reference,
    /// Where it is written down.
    pub place: Option<&'a Place>,
}

/// A document's name is a part of what tells its findings from those of another; README.md says so.
pub fn finding(rule: &Rule, about: About<'_>, own: &str, seen: Vec<(String, Value)>) -> Finding {
    let discriminator = match (about.place.map(|place| &place.file), own) {
        (None, own) => own.to_owned(),
        (Some(file), "") => file.clone(),
        (Some(file), own) => format!("{file}: {own}"),
    };
    let mut finding = Finding::new(&rule.id, &rule.title, rule.severity, about.reference, &discriminator);
    finding.fix.clone_from(&rule.fix);
    finding.frameworks.clone_from(&rule.frameworks);
    finding.place = about.place.cloned();
    seen.into_iter().fold(finding, |finding, (attribute, value)| finding.seen(&attribute, value))
}
