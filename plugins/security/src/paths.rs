//! Paths of attack: internet → what is exposed → the role it has → data.
//!
//! A path begins at a resource where a rule with `exposes` fails, goes along the hops of `data/paths.yaml` and what
//! policies grant ([`grant`]), and ends at data, a secret, or a role that may do everything. The search goes breadth
//! first, so each path is a shortest one, and is bounded in steps, length and number; it says so where it ended early.

mod grant;

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;
use troupe_estate::{Problem, Provider, Reference, Severity};
use troupe_sdk::prelude::*;

use crate::ask::{Asked, Previous, Settings};
use crate::check::{Check, NotChecked, Wanted};
use crate::gather::gather;
use crate::judge::{Estate, Glob};
use grant::Grants;

/// Longest path that can be asked for, in steps.
const LENGTH_MAX: usize = 12;
/// Most paths that can be asked for.
const PATHS_MAX: usize = 1_000;
/// Most edges that one search goes along.
const EDGES_MAX: usize = 500_000;

/// Where to look for paths.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct PathsInput {
    /// What is checked. Only the rules are applied that say what is exposed, whichever are named.
    #[serde(flatten)]
    pub asked: Asked,
    /// Longest path, in steps; 6 if left out, 12 at most.
    #[serde(default)]
    pub length_max: Option<usize>,
    /// Most paths; 50 if left out, 1,000 at most.
    #[serde(default)]
    pub paths_max: Option<usize>,
}

/// Paths of attack.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Paths {
    /// How many resources are exposed.
    pub exposed: u64,
    /// How many resources hold data, secrets or power.
    pub goals: u64,
    /// The paths, the worst first, then the shortest.
    pub paths: Vec<AttackPath>,
    /// Whether everything was searched; `why` says what ended it else.
    pub complete: bool,
    /// What ended the search early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What could not be decided about exposure, so that paths may be missing.
    pub not_checked: Vec<NotChecked>,
    /// What could not be read or looked at.
    pub problems: Vec<Problem>,
}

/// One path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AttackPath {
    /// Critical if it ends at power or secrets, high if at other data; a step less if it depends on a condition.
    pub severity: Severity,
    /// The rule that says that the first is exposed.
    pub exposed_by: String,
    /// The steps; the first is what is exposed, the last the goal.
    pub steps: Vec<Step>,
    /// What is at the end.
    pub goal: String,
    /// Whether a step depends on a condition of a policy that nobody worked out.
    pub conditional: bool,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// How one gets here.
    pub how: String,
    /// Where one is then.
    pub resource: Reference,
}

/// A relation that is gone along.
#[derive(Debug, Clone)]
struct Hop {
    from: Glob,
    kind: Glob,
    to: Glob,
    back: bool,
    how: String,
}

/// A hop as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenHop {
    from: String,
    kind: String,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    back: bool,
    how: String,
}

/// What `data/paths.yaml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    hops: Vec<WrittenHop>,
    goals: Vec<WrittenGoal>,
    reads: Vec<grant::Reading>,
    administrators: Vec<String>,
}

/// What attackers want, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGoal {
    class: String,
    what: String,
    severity: Severity,
}

/// What attackers want.
struct Goal {
    class: Glob,
    what: String,
    severity: Severity,
}

/// One edge: where to, how, and whether that depends on a condition.
struct Edge {
    to: usize,
    how: String,
    conditional: bool,
}

/// Answers `paths`.
pub fn answer(input: PathsInput, settings: &Settings) -> Result<Paths, Failure> {
    let length_max = input.length_max.unwrap_or(6).clamp(1, LENGTH_MAX);
    let paths_max = input.paths_max.unwrap_or(50).clamp(1, PATHS_MAX);
    let mut asked = input.asked;
    gather(&mut asked, Previous::default())?;
    asked.rules.clear();
    let check = Check::new(asked, settings, Wanted::Exposure)?;
    let written = Written::deserialize(&check.catalogue.paths).map_err(Failure::failed)?;
    let mut entries: BTreeMap<usize, String> = BTreeMap::new();
    let mut findings = check.findings();
    for (at, finding) in &mut findings {
        if let Some(at) = at {
            entries.entry(at).or_insert(finding.rule);
        }
    }
    let outcome = findings.outcome();
    let search = Search::new(&check.estate, written, length_max);
    let mut kept = Kept { paths: Vec::new(), total: 0, most: paths_max };
    let mut why = search.grants.why.clone();
    let mut edges_left = EDGES_MAX;
    for (&entry, rule) in &entries {
        search.from(entry, rule, &mut kept, &mut edges_left);
        if edges_left == 0 {
            why = Some(format!("{EDGES_MAX} connections were gone along"));
            break;
        }
    }
    kept.settle();
    let Kept { paths, total, .. } = kept;
    if total > paths_max {
        why = why.or_else(|| Some(format!("there are {total} paths, of which {paths_max} are told")));
    }
    let goals = (0..check.estate.subjects.len()).filter(|at| search.goal(*at).is_some()).count();
    Ok(Paths {
        exposed: entries.len() as u64,
        goals: goals as u64,
        paths,
        complete: why.is_none(),
        why,
        not_checked: outcome.not_checked,
        problems: outcome.problems,
    })
}

/// The worst and shortest of the paths that were found: of hundreds of thousands a few are told.
struct Kept {
    paths: Vec<AttackPath>,
    /// How many were found.
    total: usize,
    /// How many are told.
    most: usize,
}

impl Kept {
    fn push(&mut self, path: AttackPath) {
        self.total += 1;
        self.paths.push(path);
        if self.paths.len() > self.most + PATHS_MAX {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.paths.sort_by(|one, other| {
            let key = |path: &AttackPath| (path.severity, path.steps.len());
            let ids = |path: &AttackPath| path.steps.iter().map(|step| step.resource.id.clone()).collect::<Vec<_>>();
            key(one).cmp(&key(other)).then_with(|| ids(one).cmp(&ids(other)))
        });
        self.paths.truncate(self.most);
    }
}

struct Search<'a> {
    estate: &'a Estate,
    hops: Vec<Hop>,
    goals: Vec<Goal>,
    grants: Grants,
    length_max: usize,
    /// What Azure has that attackers want, by its id in lower case, in order.
    below: Vec<(String, usize)>,
}

impl<'a> Search<'a> {
    fn new(estate: &'a Estate, written: Written, length_max: usize) -> Self {
        let hops = written.hops.into_iter().map(|hop| Hop {
            from: Glob::new(&hop.from),
            kind: Glob::new(&hop.kind),
            to: Glob::new(hop.to.as_deref().unwrap_or("*")),
            back: hop.back,
            how: hop.how,
        });
        let grants = Grants::new(estate, written.reads, &written.administrators);
        let goals = written.goals.into_iter().map(|goal| {
            let WrittenGoal { class, what, severity } = goal;
            Goal { class: Glob::new(&class), what, severity }
        });
        let (hops, goals) = (hops.collect(), goals.collect());
        let mut search = Self { estate, hops, goals, grants, length_max, below: Vec::new() };
        let azure = estate.subjects.iter().enumerate().filter(|(_, one)| one.resource.provider == Provider::Azure);
        let wanted = azure.filter(|(at, _)| search.goal(*at).is_some());
        let mut below: Vec<_> = wanted.map(|(at, one)| (one.resource.id.to_ascii_lowercase(), at)).collect();
        below.sort_unstable();
        search.below = below;
        search
    }

    /// What a resource is to an attacker, if it is a goal.
    fn goal(&self, at: usize) -> Option<(&str, Severity)> {
        let subject = self.estate.get(at)?;
        if self.grants.is_administrator(at) {
            return Some(("may do everything", Severity::Critical));
        }
        let class = subject.resource.class.name();
        let goal = self.goals.iter().find(|goal| goal.class.fits(class))?;
        Some((&goal.what, goal.severity))
    }

    /// Goes from what is exposed to every goal within reach.
    fn from(&self, entry: usize, rule: &str, kept: &mut Kept, edges_left: &mut usize) {
        // For each place: how it was reached, from where.
        let mut reached: BTreeMap<usize, Option<(usize, String, bool)>> = BTreeMap::from([(entry, None)]);
        let mut queue: VecDeque<(usize, usize)> = VecDeque::from([(entry, 0)]);
        while let Some((at, length)) = queue.pop_front() {
            if let Some((what, severity)) = self.goal(at) {
                kept.push(self.path(at, rule, what, severity, &reached));
            }
            if length == self.length_max {
                continue;
            }
            for edge in self.edges(at) {
                let Some(left) = edges_left.checked_sub(1) else { return };
                *edges_left = left;
                reached.entry(edge.to).or_insert_with(|| {
                    queue.push_back((edge.to, length + 1));
                    Some((at, edge.how, edge.conditional))
                });
            }
        }
    }

    fn path(
        &self,
        goal: usize,
        rule: &str,
        what: &str,
        severity: Severity,
        reached: &BTreeMap<usize, Option<(usize, String, bool)>>,
    ) -> AttackPath {
        let mut steps = Vec::new();
        let mut conditional = false;
        let mut at = goal;
        loop {
            let before = reached.get(&at).and_then(Option::as_ref);
            let how = before.map_or_else(|| "is reached from the internet".to_owned(), |(_, how, _)| how.clone());
            if let Some(subject) = self.estate.get(at) {
                steps.push(Step { how, resource: subject.resource.reference() });
            }
            match before {
                Some((from, _, depends)) if steps.len() <= self.length_max + 1 => {
                    conditional |= depends;
                    at = *from;
                }
                _ => break,
            }
        }
        steps.reverse();
        let severity = match (conditional, severity) {
            (true, Severity::Critical) => Severity::High,
            (true, Severity::High) => Severity::Medium,
            (_, severity) => severity,
        };
        AttackPath { severity, exposed_by: rule.to_owned(), steps, goal: what.to_owned(), conditional }
    }

    fn edges(&self, at: usize) -> Vec<Edge> {
        let Some(subject) = self.estate.get(at) else { return Vec::new() };
        let kind = &subject.resource.kind;
        let mut edges = Vec::new();
        for hop in self.hops.iter().filter(|hop| hop.from.fits(kind)) {
            let ends: &mut dyn Iterator<Item = (usize, &str)> = if hop.back {
                &mut self.estate.referrers(at)
            } else {
                &mut self.estate.targets(at).filter_map(|(to, kind)| Some((to?, kind)))
            };
            for (to, kind) in ends {
                let fits = self.estate.get(to).is_some_and(|other| hop.to.fits(&other.resource.kind));
                if fits && hop.kind.fits(kind) {
                    edges.push(Edge { to, how: hop.how.clone(), conditional: false });
                }
            }
        }
        edges.extend(self.grants.of(at).iter().map(|grant| Edge {
            to: grant.to,
            how: grant.how.clone(),
            conditional: grant.conditional,
        }));
        edges.extend(self.scoped(at));
        edges
    }

    /// What lies below the scope of a role assignment of Azure's.
    fn scoped(&self, at: usize) -> Vec<Edge> {
        let Some(resource) = self.estate.get(at).map(|subject| &subject.resource) else { return Vec::new() };
        if resource.provider != Provider::Azure
            || !resource.kind.eq_ignore_ascii_case("azure.microsoft.authorization/roleassignments")
        {
            return Vec::new();
        }
        let Some(scope) = resource.attributes.get("scope").and_then(Value::as_str).map(str::to_ascii_lowercase) else {
            return Vec::new();
        };
        let role = resource.attributes.get("role").and_then(Value::as_str).unwrap_or("a role").to_owned();
        // The scope `/` is all of the tenant.
        let scope = scope.trim_end_matches('/');
        let first = self.below.partition_point(|(id, _)| id.as_str() < scope);
        let after = self.below.get(first..).unwrap_or_default().iter();
        let within = after.map_while(|(id, to)| Some((id.strip_prefix(scope)?, *to)));
        let is_below = |(rest, to): &(&str, usize)| (rest.is_empty() || rest.starts_with('/')) && *to != at;
        let how = format!("has the role {role} there");
        within.filter(is_below).map(|(_, to)| Edge { to, how: how.clone(), conditional: false }).collect()
    }
}
