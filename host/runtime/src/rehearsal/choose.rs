//! Which recorded invocations a release is rehearsed on.
//!
//! The newest that can be tried, as many as were asked for. What is rare among them, a skill
//! or a failure, is looked for further back, so that it is not left to chance: up to
//! [`RARE`] of each, beyond the number that was asked for.

use std::collections::{BTreeMap, HashMap, HashSet};

use troupe_core::view::{LeftOutReason, TaskStatus};
use troupe_core::{AgentName, Code, Result, SkillName, TaskId, TenantId, limits};
use troupe_store::{PastFilter, PastTask, Withheld};

use crate::Runtime;
use crate::replay::CUT_SHORT;

/// How many of a rare kind are looked for.
const RARE: usize = 5;

/// Tasks of a rare kind that are looked at.
const RARE_LOOKED_AT: u32 = 50;

/// Tasks that are read at once: the details of a failure may be long.
const PAGE: u32 = 100;

/// What was chosen.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// Newest first, then those that are rare.
    pub(super) tasks: Vec<TaskId>,
    /// What was passed over, by reason.
    pub(super) left_out: BTreeMap<LeftOutReason, u32>,
}

/// Chosen tasks by what may be rare among them.
#[derive(Default)]
struct Counts {
    chosen: HashSet<TaskId>,
    skills: HashMap<String, usize>,
    failed: usize,
}

impl Counts {
    fn add(&mut self, task: &PastTask) {
        self.chosen.insert(task.id);
        *self.skills.entry(task.skill.to_string()).or_default() += 1;
        self.failed += usize::from(task.status == TaskStatus::Failed);
    }
}

impl Runtime {
    pub(super) async fn choose(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        skill: Option<SkillName>,
        last: u32,
        skills: &[String],
    ) -> Result<Chosen> {
        let last = last as usize;
        let (mut chosen, mut counts) = (Chosen::default(), Counts::default());
        let mut filter = PastFilter { skill, ..PastFilter::default() };
        let mut looked_at = 0;
        while chosen.tasks.len() < last && looked_at < limits::REHEARSAL_LOOKED_AT_MAX {
            let page = self.store.past_tasks(tenant, agent, &filter, PAGE).await?;
            let Some(oldest) = page.last() else { return Ok(chosen) };
            filter.before = Some(oldest.id);
            for task in &page {
                looked_at += 1;
                match left_out(task) {
                    Some(reason) => *chosen.left_out.entry(reason).or_default() += 1,
                    None if chosen.tasks.len() < last => {
                        counts.add(task);
                        chosen.tasks.push(task.id);
                    }
                    None => break,
                }
            }
        }
        if filter.skill.is_some() {
            return Ok(chosen);
        }
        let rare = skills.iter().filter(|skill| counts.skills.get(*skill).is_none_or(|count| *count < RARE));
        let rare: Vec<SkillName> = rare.map(|skill| skill.parse()).collect::<Result<_>>()?;
        for skill in rare {
            let more = RARE - counts.skills.get(skill.as_str()).copied().unwrap_or(0);
            let filter = PastFilter { skill: Some(skill), ..PastFilter::default() };
            self.choose_more(tenant, agent, &filter, more, &mut chosen, &mut counts).await?;
        }
        let more = RARE.saturating_sub(counts.failed);
        let filter = PastFilter { status: Some(TaskStatus::Failed), ..PastFilter::default() };
        self.choose_more(tenant, agent, &filter, more, &mut chosen, &mut counts).await?;
        Ok(chosen)
    }

    /// Chooses up to `more` of those that were not chosen yet.
    async fn choose_more(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        filter: &PastFilter,
        more: usize,
        chosen: &mut Chosen,
        counts: &mut Counts,
    ) -> Result<()> {
        if more == 0 {
            return Ok(());
        }
        let found = self.store.past_tasks(tenant, agent, filter, RARE_LOOKED_AT).await?;
        let fresh = found.iter().filter(|task| left_out(task).is_none() && !counts.chosen.contains(&task.id));
        let fresh: Vec<&PastTask> = fresh.take(more).collect();
        for task in fresh {
            counts.add(task);
            chosen.tasks.push(task.id);
        }
        Ok(())
    }
}

/// Why a task cannot be tried, as far as its row tells.
fn left_out(task: &PastTask) -> Option<LeftOutReason> {
    let code = task.failure.as_deref().and_then(Code::parse);
    if !task.status.is_final() {
        return Some(LeftOutReason::NotEnded);
    }
    if task.attempt == 0 {
        return Some(LeftOutReason::NotBegun);
    }
    if matches!(task.status, TaskStatus::Cancelled | TaskStatus::InDoubt)
        || code.is_some_and(|code| CUT_SHORT.contains(&code))
    {
        return Some(LeftOutReason::CutShort);
    }
    match task.withheld {
        Some(Withheld::Redacted) => Some(LeftOutReason::Redacted),
        Some(Withheld::Dropped) => Some(LeftOutReason::Dropped),
        None => None,
    }
}
