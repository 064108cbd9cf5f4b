//! Both keys of a deployment: seeing them, turning the operator's, comparing, explaining.
//!
//! The manifest of the release that serves asks, the operator grants, and what both say is
//! in force. Everything told here is computed by the algebra of grants, and what a call may
//! is decided by the gate's own functions. A change names lines by their addresses, is made
//! under the deployment's turn and is a compare-and-set on its epoch, so of two operators at
//! once neither undoes what the other did. What leads into the host's machine is given by
//! whom its owner lets: to operate a tenant is not enough.

use tokio::sync::OwnedMutexGuard;
use troupe_core::grant::{GrantKey, compare};
use troupe_core::view::{
    Authority, AuthorityLine, DeploymentView, DiffRequest, ExplainRequest, ExplainedLine, Explanation, GrantChange,
    GrantLine, GrantRequest, GrantsDiff, GrantsView, KeyExplanation, LineDiff, Standing,
};
use troupe_core::{Caller, Code, Effect, Error, Grants, ReleaseRef, Result, Scope, limits, shown};
use troupe_sandbox::{Question, check_grants};
use troupe_store::{DeploymentRow, RouteChange, check_epoch};

use crate::deploy::Change;
use crate::{Runtime, agents};

/// Both keys of a deployment.
struct Keys {
    row: DeploymentRow,
    asked: Grants,
    granted: Grants,
}

impl Keys {
    fn effective(&self) -> Grants {
        self.asked.intersect(&self.granted)
    }

    fn view(&self) -> GrantsView {
        let mut keys = self.asked.keys();
        keys.extend(self.granted.keys());
        keys.sort();
        keys.dedup();
        GrantsView {
            agent: self.row.agent.to_string(),
            epoch: self.row.epoch,
            serving: self.row.serving.clone(),
            revision: self.row.grants_revision,
            lines: keys.into_iter().map(|key| self.line(key)).collect(),
            effective: self.effective(),
            asked: self.asked.clone(),
            granted: self.granted.clone(),
        }
    }

    fn line(&self, key: GrantKey) -> GrantLine {
        let (asked, granted) = (self.asked.only(&key), self.granted.only(&key));
        // By meaning: what is asked for here may be granted under another name.
        let in_force = asked.intersect(&self.granted);
        let standing = if asked.is_empty() {
            Standing::NotAsked
        } else if in_force.is_empty() {
            Standing::NotGranted
        } else if asked.is_wider_than(&in_force) {
            Standing::Part
        } else {
            Standing::Whole
        };
        GrantLine { asked: text(&asked), granted: text(&granted), in_force: text(&in_force), standing, line: key }
    }
}

impl Runtime {
    /// Both keys of a deployment side by side.
    ///
    /// # Errors
    /// [`Code::DeploymentNotFound`].
    pub async fn grants(&self, caller: &Caller, agent: &str) -> Result<GrantsView> {
        caller.require(Scope::Read)?;
        Ok(self.both_keys(caller, agent).await?.view())
    }

    /// Changes some lines of what an operator grants. What is there already changes nothing,
    /// not even the epoch.
    ///
    /// # Errors
    /// [`Code::GrantNotFound`] naming what there is; [`Code::AuthScope`] naming a line that
    /// leads into the host's machine; [`Code::SwapConflict`]; [`Code::DeploymentNotFound`].
    pub async fn change_grants(&self, caller: &Caller, agent: &str, change: GrantChange) -> Result<GrantsView> {
        let name = agents::permitted(caller, Scope::Operate, agent)?;
        self.require_ready()?;
        let changing = self.routes.turn(&caller.tenant, &name).lock_owned().await;
        let mut keys = self.both_keys(caller, agent).await?;
        check_epoch(&name, keys.row.epoch, change.epoch)?;
        let granted = changed(&keys, &change)?;
        if granted == keys.granted {
            return Ok(keys.view());
        }
        // What was granted once may be taken away whatever else is there.
        if granted.is_wider_than(&keys.granted) {
            check_granted(&granted)?;
        }
        keys.row = self.put_granted(caller, changing, &keys.row, &granted).await?;
        keys.granted = granted;
        Ok(keys.view())
    }

    /// Replaces what an operator grants a deployment. The effective grant is the
    /// intersection with what the manifest asks for. What runs, on whatever route, is denied
    /// at its next call what is no longer granted; what is added is for what begins later.
    ///
    /// # Errors
    /// [`Code::AuthScope`] naming a line that leads into the host's machine;
    /// [`Code::SwapConflict`]; [`Code::DeploymentNotFound`].
    pub async fn grant(&self, caller: &Caller, agent: &str, request: GrantRequest) -> Result<DeploymentView> {
        let name = agents::permitted(caller, Scope::Operate, agent)?;
        check_granted(&request.grants)?;
        self.require_ready()?;
        let changing = self.routes.turn(&caller.tenant, &name).lock_owned().await;
        let row = self.deployment_row(caller, agent).await?;
        check_epoch(&name, row.epoch, request.epoch)?;
        let row = self.put_granted(caller, changing, &row, &request.grants).await?;
        Ok(self.deployment_view(&row))
    }

    /// Puts what an operator grants in force, in the turn of the deployment whose row is `row`;
    /// returns the row as it then is. Whether the caller may grant it is asked before anything
    /// is looked up on the machine. To take something away nothing has to be there, neither the
    /// release nor a directory.
    async fn put_granted(
        &self,
        caller: &Caller,
        changing: OwnedMutexGuard<()>,
        row: &DeploymentRow,
        grants: &Grants,
    ) -> Result<DeploymentRow> {
        let before = granted(row)?;
        if let Some(line) = grants.reaches_beyond(&before) {
            let into = format_args!("the line `{line}` leads into the host's machine or network");
            caller.require_for(Scope::Machine, &row.agent).map_err(|error| error.context(into))?;
        }
        let is_wider = grants.is_wider_than(&before);
        if is_wider {
            self.check_directories(grants).await?;
        }
        let text = serde_json::to_string(grants).map_err(Error::internal)?;
        let change = Change {
            expected: Some(row.epoch),
            route: RouteChange { grants: Some(text), ..RouteChange::default() },
            by: Some(caller.principal.clone()),
            ..Change::default()
        };
        let placed = match self.placed_at_least(row, &change).await {
            Ok(placed) => placed,
            Err(error) if is_wider => {
                return Err(error.context("a deployment that cannot serve is granted nothing more"));
            }
            Err(error) => return self.narrow_broken(changing, caller, row, grants.clone(), &error).await,
        };
        let (route, _) = self.put_in_force(changing, placed, &caller.tenant, &row.agent, change).await?;
        Ok(route.row.clone())
    }

    /// Looks at the directories of the machine that are named, away from what must not block.
    async fn check_directories(&self, grants: &Grants) -> Result<()> {
        let (directories, grants) = (self.directories.clone(), grants.clone());
        tokio::task::spawn_blocking(move || directories.check(&grants)).await.map_err(Error::internal)?
    }

    /// Compares what is in force with what something else would allow.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`], [`Code::DeploymentNotFound`]; [`Code::RequestInvalid`] if two
    /// things are named.
    pub async fn diff_grants(&self, caller: &Caller, agent: &str, request: DiffRequest) -> Result<GrantsDiff> {
        caller.require(Scope::Read)?;
        let keys = self.both_keys(caller, agent).await?;
        let after = match (request.release, request.grants) {
            (Some(_), Some(_)) => {
                let message = "a comparison is with a release or with grants, not with both";
                return Err(Error::new(Code::RequestInvalid, message));
            }
            (Some(version), None) => {
                let reference = ReleaseRef { agent: keys.row.agent.clone(), version };
                agents::manifest(&self.release_row(caller, &reference).await?)?.capabilities.grants()
            }
            (None, Some(grants)) => {
                check_granted(&grants)?;
                keys.asked.intersect(&grants)
            }
            (None, None) => keys.asked.clone(),
        };
        let before = keys.effective();
        let lines = compare(&before, &after)
            .into_iter()
            .map(|(line, change)| LineDiff {
                before: text(&before.only(&line)),
                after: text(&after.only(&line)),
                change,
                line,
            })
            .collect();
        Ok(GrantsDiff {
            agent: keys.row.agent.to_string(),
            epoch: keys.row.epoch,
            wider: after.is_wider_than(&before),
            narrower: before.is_wider_than(&after),
            lines,
        })
    }

    /// Everything that an agent may do, each line with the lines of both keys that say so.
    ///
    /// # Errors
    /// [`Code::DeploymentNotFound`].
    pub async fn authority(&self, caller: &Caller, agent: &str) -> Result<Authority> {
        caller.require(Scope::Read)?;
        let keys = self.both_keys(caller, agent).await?;
        let effective = keys.effective();
        let view = keys.view();
        let with = |standings: &[Standing], side: fn(&GrantLine) -> Option<&String>| {
            let chosen = view.lines.iter().filter(|line| standings.contains(&line.standing));
            chosen
                .filter_map(|line| Some(ExplainedLine { line: line.line.clone(), text: side(line)?.clone() }))
                .collect()
        };
        let lines = effective.keys().into_iter().map(|key| {
            let line = effective.only(&key);
            AuthorityLine {
                manifest: sharing(&keys.asked, &line),
                operator: sharing(&keys.granted, &line),
                text: text(&line).unwrap_or_default(),
            }
        });
        Ok(Authority {
            agent: view.agent.clone(),
            epoch: view.epoch,
            lines: lines.collect(),
            not_granted: with(&[Standing::NotGranted, Standing::Part], |line| line.asked.as_ref()),
            not_asked: with(&[Standing::NotAsked], |line| line.granted.as_ref()),
        })
    }

    /// Says what the gate would say to a call, and which lines of which key say so.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] if it is no call; [`Code::SkillNotFound`];
    /// [`Code::DeploymentNotFound`].
    pub async fn explain(&self, caller: &Caller, agent: &str, request: ExplainRequest) -> Result<Explanation> {
        caller.require(Scope::Read)?;
        let keys = self.both_keys(caller, agent).await?;
        let question = Question::read(&request)?;
        let ceiling = match &request.skill {
            Some(skill) => self.class_of(caller, &keys.row, skill).await?,
            None => Effect::Destructive,
        };
        let effective = keys.effective();
        let judged = question.judge(&effective, ceiling);
        // Which credential it goes with is settled by both keys together.
        let of_key = match &judged {
            Ok(grounds) => question.clone().with_credential(grounds.credential.as_deref()),
            Err(_) => question.clone(),
        };
        let manifest = key(&of_key, &keys.asked);
        let operator = key(&of_key, &keys.granted);
        let described = question.describe();
        let (allowed, call) = match &judged {
            Ok(grounds) => (true, grounds.action.as_ref().map_or(described.clone(), |a| format!("{described} ({a})"))),
            Err(_) => (false, described),
        };
        let within = question.judge(&effective, Effect::Destructive).ok();
        let refusal = judged.as_ref().err();
        let next = refusal.map(|error| match error.code {
            Code::DeniedHeader | Code::DeniedPath | Code::RequestInvalid => {
                "no grant changes this: the call itself has to be another".to_owned()
            }
            _ => next(&keys.row, &manifest, &operator, within.is_some()),
        });
        let grounds = judged.as_ref().ok().or(within.as_ref());
        Ok(Explanation {
            agent: keys.row.agent.to_string(),
            epoch: keys.row.epoch,
            call,
            allowed,
            code: refusal.map(|error| error.code.as_str().to_owned()),
            refusal: refusal.map(|error| error.message.clone()),
            effect: grounds.map(|grounds| grounds.effect),
            credential: grounds.and_then(|grounds| grounds.credential.clone()),
            manifest,
            operator,
            next,
        })
    }

    /// The rows are what memory follows, so they say what is in force, also of a deployment
    /// that cannot serve.
    async fn both_keys(&self, caller: &Caller, agent: &str) -> Result<Keys> {
        let row = self.deployment_row(caller, agent).await?;
        let release = self.release_row(caller, &serving(&row)).await?;
        let asked = agents::manifest(&release)?.capabilities.grants();
        let granted = granted(&row)?;
        Ok(Keys { row, asked, granted })
    }

    async fn class_of(&self, caller: &Caller, row: &DeploymentRow, skill: &str) -> Result<Effect> {
        let profile = agents::profile(&self.release_row(caller, &serving(row)).await?)?;
        let found = profile.skills.iter().find(|found| found.name.as_str() == skill);
        found.map(|found| found.effect).ok_or_else(|| {
            Error::new(Code::SkillNotFound, format!("agent `{}` has no skill `{}`", row.agent, shown(skill)))
        })
    }
}

fn serving(row: &DeploymentRow) -> ReleaseRef {
    ReleaseRef { agent: row.agent.clone(), version: row.serving.clone() }
}

/// What the operator of a deployment grants.
pub(crate) fn granted(row: &DeploymentRow) -> Result<Grants> {
    row.grants.as_deref().map_or_else(|| Ok(Grants::default()), serde_json::from_str).map_err(Error::internal)
}

/// Checks what an operator shall grant in all.
///
/// # Errors
/// [`Code::RequestInvalid`] if there are too many lines; those of [`check_grants`].
fn check_granted(grants: &Grants) -> Result<()> {
    let (lines, most) = (grants.http.len(), limits::HTTP_REQUESTS_MAX);
    if lines > most {
        let message = format!("{lines} lines of `http` are granted; a deployment has at most {most}");
        return Err(Error::new(Code::RequestInvalid, message));
    }
    check_grants(grants)
}

fn changed(keys: &Keys, change: &GrantChange) -> Result<Grants> {
    let mut granted = keys.granted.clone();
    for key in &change.remove {
        if !keys.granted.keys().contains(key) {
            return Err(no_line(&format!("the operator grants `{}` no line `{key}`", keys.row.agent), &keys.granted));
        }
        granted = granted.without(key);
    }
    for key in &change.add {
        let asked = keys.asked.only(key);
        if asked.is_empty() {
            let release = serving(&keys.row);
            return Err(no_line(&format!("the manifest of {release} asks for no line `{key}`"), &keys.asked));
        }
        granted = granted.with(&asked);
    }
    if change.add_all {
        granted = granted.with(&keys.asked);
    }
    Ok(granted.with(&change.set))
}

fn no_line(what: &str, among: &Grants) -> Error {
    let there: Vec<String> = among.keys().iter().map(|key| format!("`{key}`")).collect();
    let there = if there.is_empty() { "nothing".to_owned() } else { there.join(", ") };
    Error::new(Code::GrantNotFound, format!("{what}; there is {there}"))
}

/// The lines as an operator reads them; none if there is none.
fn text(grants: &Grants) -> Option<String> {
    let lines = grants.lines();
    (!lines.is_empty()).then(|| lines.join("; "))
}

/// The addresses of `key` at which something of `line` is allowed.
fn sharing(key: &Grants, line: &Grants) -> Vec<GrantKey> {
    key.keys().into_iter().filter(|address| !key.only(address).intersect(line).is_empty()).collect()
}

/// What one key says to a call, whichever skill makes it.
fn key(question: &Question, grants: &Grants) -> KeyExplanation {
    match question.judge(grants, Effect::Destructive) {
        Ok(grounds) => {
            let explained =
                |line: GrantKey| ExplainedLine { text: text(&grants.only(&line)).unwrap_or_default(), line };
            KeyExplanation { allows: true, lines: grounds.lines.into_iter().map(explained).collect(), missing: None }
        }
        Err(error) => {
            // The gate's sentence ends with advice for whoever sees no keys.
            let why =
                error.message.split_once("; the manifest must ask").map_or(error.message.as_str(), |(why, _)| why);
            KeyExplanation { allows: false, lines: Vec::new(), missing: Some(why.to_owned()) }
        }
    }
}

/// What has to be done for a denied call to be allowed.
fn next(row: &DeploymentRow, manifest: &KeyExplanation, operator: &KeyExplanation, within: bool) -> String {
    let agent = &row.agent;
    if within {
        return "nothing is missing but the skill's class: a skill of a higher class may do this".to_owned();
    }
    match (manifest.allows, operator.allows) {
        (true, true) => {
            "each key allows this, but with another credential than the other; grant the line that the manifest asks for"
                .to_owned()
        }
        (true, false) => {
            let lines: Vec<String> = manifest.lines.iter().map(|line| line.line.to_string()).collect();
            format!("`troupe grant add {agent} {}` grants it", lines.join(" "))
        }
        (false, _) => format!(
            "the manifest of {} does not ask for it: a release whose agent.toml does must be published, swapped in and granted",
            serving(row)
        ),
    }
}
