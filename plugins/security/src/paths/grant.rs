//! What policies of AWS grant: which data an identity may read, and which may do everything.
//!
//! A statement grants if its effect is `Allow`, one of its actions fits and one of its resources fits the ARN; one
//! that denies the same without a condition takes it back. A grant under a condition is told as such. Boundaries and
//! policies of organisations are not worked out, so a path may be barred by what is not seen here.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::judge::{Estate, Glob, Subject};

/// Most patterns of policies that are compared with what data is called; a long one counts as several.
const PATTERNS_MAX: usize = 50_000_000;
/// Most statements of one identity.
const STATEMENTS_MAX: usize = 2_000;

/// Which action reads what is in resources of a type.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    #[serde(rename = "type")]
    kind: String,
    action: String,
    /// The resource of the action, with `{arn}` for the ARN: `{arn}/*`.
    resource: String,
}

/// What an identity may do with one resource.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Where to.
    pub to: usize,
    /// How.
    pub how: String,
    /// Whether it depends on a condition.
    pub conditional: bool,
}

/// What all identities may do.
pub struct Grants {
    of: BTreeMap<usize, Vec<Grant>>,
    administrators: BTreeSet<usize>,
    /// What bound ended the work, if one did.
    pub why: Option<String>,
}

struct Statement {
    allows: bool,
    actions: Vec<Glob>,
    not_actions: Option<Vec<Glob>>,
    resources: Vec<Glob>,
    not_resources: Option<Vec<Glob>>,
    conditional: bool,
}

impl Grants {
    /// Works them out for everything that has policies.
    pub fn new(estate: &Estate, readings: Vec<Reading>, administrators: &[String]) -> Self {
        let mut grants = Self { of: BTreeMap::new(), administrators: BTreeSet::new(), why: None };
        let readings: Vec<(Glob, &Reading)> =
            readings.iter().map(|reading| (Glob::new(&reading.kind), reading)).collect();
        // What each reading leads to, and what its action is about there.
        let data: Vec<(&Reading, Vec<(usize, String)>)> = readings
            .iter()
            .map(|(glob, reading)| {
                let of_kind = estate.subjects.iter().enumerate().filter(|(_, one)| glob.fits(&one.resource.kind));
                let named = of_kind.map(|(at, Subject { resource, .. })| {
                    let arn = resource.arn.clone().unwrap_or_else(|| guessed_arn(&resource.kind, &resource.id));
                    (at, reading.resource.replace("{arn}", &arn))
                });
                (*reading, named.collect())
            })
            .collect();
        let administrating: Vec<Glob> = administrators.iter().map(|pattern| Glob::new(pattern)).collect();
        let mut patterns_left = PATTERNS_MAX;
        for (at, subject) in estate.subjects.iter().enumerate() {
            let mut statements = statements(&subject.resource.attributes);
            if statements.len() > STATEMENTS_MAX {
                statements.truncate(STATEMENTS_MAX);
                let id = &subject.resource.id;
                grants.why = Some(format!("{id} has more than {STATEMENTS_MAX} statements; the first were looked at"));
            }
            let attached = subject
                .resource
                .relations
                .iter()
                .any(|relation| administrating.iter().any(|glob| glob.fits(&relation.target)));
            let may_all = |action: &str| allowed(&about(&statements, action), "*") == Some(false);
            if attached || (may_all("iam:CreatePolicyVersion") && may_all("s3:DeleteBucket")) {
                grants.administrators.insert(at);
                continue;
            }
            for (reading, named) in &data {
                let about = about(&statements, &reading.action);
                if !about.iter().any(|statement| statement.allows) {
                    continue;
                }
                let weight: usize = about.iter().map(|statement| statement.weight()).sum();
                for (to, resource) in named {
                    let Some(left) = patterns_left.checked_sub(weight) else {
                        grants.why = Some(format!("{PATTERNS_MAX} patterns of policies were compared"));
                        return grants;
                    };
                    patterns_left = left;
                    if let Some(conditional) = allowed(&about, resource) {
                        let how = format!("may {} by its policies", reading.action);
                        grants.of.entry(at).or_default().push(Grant { to: *to, how, conditional });
                    }
                }
            }
        }
        grants
    }

    /// What an identity may read.
    pub fn of(&self, at: usize) -> &[Grant] {
        self.of.get(&at).map_or(&[], Vec::as_slice)
    }

    /// Reports whether an identity may do everything.
    pub fn is_administrator(&self, at: usize) -> bool {
        self.administrators.contains(&at)
    }
}

/// The ARN of what has none yet: only that of a bucket follows from its name.
fn guessed_arn(kind: &str, id: &str) -> String {
    if kind == "aws.s3.bucket" { format!("arn:aws:s3:::{id}") } else { id.to_owned() }
}

/// The statements that are about an action.
fn about<'a>(statements: &'a [Statement], action: &str) -> Vec<&'a Statement> {
    let acts = |statement: &&Statement| match &statement.not_actions {
        Some(not) => !not.iter().any(|glob| glob.fits(action)),
        None => statement.actions.iter().any(|glob| glob.fits(action)),
    };
    statements.iter().filter(acts).collect()
}

/// Whether statements about an action allow it on a resource; the answer is whether that depends on a condition.
fn allowed(about: &[&Statement], resource: &str) -> Option<bool> {
    let fits = |statement: &&&Statement| match &statement.not_resources {
        Some(not) => !not.iter().any(|glob| glob.fits(resource)),
        None => statement.resources.iter().any(|glob| glob.fits(resource)),
    };
    let (allow, deny): (Vec<&Statement>, Vec<&Statement>) =
        about.iter().filter(fits).copied().partition(|one| one.allows);
    if deny.iter().any(|one| !one.conditional) || allow.is_empty() {
        return None;
    }
    Some(!deny.is_empty() || allow.iter().all(|one| one.conditional))
}

impl Statement {
    /// How much work it is to compare a resource with it.
    fn weight(&self) -> usize {
        self.not_resources.as_ref().unwrap_or(&self.resources).iter().map(Glob::weight).sum::<usize>().max(1)
    }
}

/// The statements of `policies`, a list of `{name, document}`, and of `document`.
fn statements(attributes: &serde_json::Map<String, Value>) -> Vec<Statement> {
    fn of(value: &Value) -> &[Value] {
        match value.get("document").unwrap_or(value).get("Statement") {
            Some(Value::Array(list)) => list,
            Some(one @ Value::Object(_)) => std::slice::from_ref(one),
            _ => &[],
        }
    }
    let policies = attributes.get("policies").and_then(Value::as_array).into_iter().flatten();
    let own = attributes.get("document").into_iter();
    policies.chain(own).flat_map(of).take(STATEMENTS_MAX + 1).map(statement).collect()
}

fn statement(value: &Value) -> Statement {
    let globs = |key: &str| -> Vec<Glob> {
        let list = value.get(key);
        let one = list.and_then(Value::as_str).into_iter();
        let several = list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        one.chain(several).map(Glob::new).collect()
    };
    Statement {
        allows: value.get("Effect").and_then(Value::as_str) == Some("Allow"),
        actions: globs("Action"),
        not_actions: value.get("NotAction").map(|_| globs("NotAction")),
        resources: globs("Resource"),
        not_resources: value.get("NotResource").map(|_| globs("NotResource")),
        conditional: value
            .get("Condition")
            .is_some_and(|condition| condition.as_object().is_none_or(|one| !one.is_empty())),
    }
}
