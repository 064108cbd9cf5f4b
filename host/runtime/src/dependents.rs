//! Agents that depend on skills of another.
//!
//! *The danger:* a release is swapped in that has no longer a skill which another agent asks for, and that agent
//! fails from then on, though nothing of it was changed. *The rule:* an agent depends on a skill where a grant of
//! `agents` that is in force names it; what would take the skill away is refused, whether or not its own
//! operator approves of that, until the dependents are swapped or the grants taken away. An input that is not
//! shown to be taken any longer counts as well, but where somebody approved of it. *The default:* an agent that
//! nobody is granted to ask has no dependents.

use std::collections::BTreeSet;

use serde_json::json;
use troupe_core::view::{ContractBreak, SchemaKind};
use troupe_core::{Code, Error, ReleaseRef, Result, TenantId};

use crate::Runtime;
use crate::compared::Difference;

/// Dependents that a message names; the details name all.
const DEPENDENTS_NAMED: usize = 5;

impl Runtime {
    /// Checks that a release takes nothing away that other agents depend on; `approved` says whether somebody has
    /// approved of what it breaks.
    ///
    /// # Errors
    /// [`Code::SwapIncompatible`] naming the dependents.
    pub(crate) fn check_dependents(
        &self,
        tenant: &TenantId,
        release: &ReleaseRef,
        difference: &Difference,
        approved: bool,
    ) -> Result<()> {
        let counts = |broken: &&ContractBreak| match broken.schema {
            None => true,
            Some(SchemaKind::Input) => !approved,
            Some(_) => false,
        };
        let broken: Vec<&ContractBreak> = difference.changes.breaks.iter().filter(counts).collect();
        if broken.is_empty() {
            return Ok(());
        }
        let does = format!("{release} takes away or narrows");
        let Some(error) = self.depended_on(tenant, release, broken.iter().map(|broken| broken.skill.as_str()), &does)
        else {
            return Ok(());
        };
        let told: Vec<_> = broken.iter().map(|broken| json!(broken)).collect();
        Err(error.with("breaks", told))
    }

    /// Checks that no other agent depends on any of these skills of a release, since they all go.
    ///
    /// # Errors
    /// [`Code::SwapIncompatible`] naming the dependents.
    pub(crate) fn check_unneeded<'a>(
        &self,
        tenant: &TenantId,
        release: &ReleaseRef,
        skills: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<()> {
        let does = format!("undeploying {} takes away", release.agent);
        self.depended_on(tenant, release, skills, &does).map_or(Ok(()), Err)
    }

    /// What is wrong with something that `does` what others depend on to skills of an agent, if any other does.
    fn depended_on<'a>(
        &self,
        tenant: &TenantId,
        release: &ReleaseRef,
        skills: impl Iterator<Item = &'a str> + Clone,
        does: &str,
    ) -> Option<Error> {
        let agent = release.agent.as_str();
        let mut dependents = BTreeSet::new();
        for route in self.routes.of_tenant(tenant).into_iter().filter(|route| route.row.agent != release.agent) {
            for grant in &route.grants.begun().agents {
                let named = skills.clone().filter(|skill| grant.admits(agent, skill));
                dependents
                    .extend(named.map(|skill| (route.row.agent.to_string(), skill.to_owned(), grant.ask.to_string())));
            }
        }
        if dependents.is_empty() {
            return None;
        }
        let names: BTreeSet<&str> = dependents.iter().map(|(dependent, ..)| dependent.as_str()).collect();
        let named: Vec<String> = names.iter().take(DEPENDENTS_NAMED).map(|name| format!("`{name}`")).collect();
        let more = match names.len().saturating_sub(DEPENDENTS_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let skills: BTreeSet<&str> = dependents.iter().map(|(_, skill, _)| skill.as_str()).collect();
        let skills: Vec<String> = skills.into_iter().map(|skill| format!("`{skill}`")).collect();
        let message = format!(
            "{does} {} of `{agent}`, which {}{more} may ask for; swap in releases of these that do without it, or take \
             their grants of `agents` away first",
            skills.join(", "),
            named.join(", "),
        );
        let told = dependents.iter().map(|(dependent, skill, grant)| {
            json!({ "agent": dependent, "skill": skill, "grant": format!("agents/{grant}") })
        });
        Some(Error::new(Code::SwapIncompatible, message).with("dependents", told.collect::<Vec<_>>()))
    }
}
