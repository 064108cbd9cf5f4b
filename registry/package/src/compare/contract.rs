//! What a release promises its callers, and whether another keeps it.
//!
//! Of what a component exports, its skills and its conversation are compared. The other export, `lifecycle`,
//! is called by nobody but the host, when it brings the state of the release before to another form. A
//! release that no longer has it keeps every promise; where one is needed and not there, the swap is
//! refused for that (`swap.state`, in the runtime), which compares what is kept with what is read and
//! not two releases.

use troupe_core::SkillName;
use troupe_core::view::{ContractBreak, SchemaKind};

use super::schema::{self, Gap};
use crate::{Profile, Skill};

/// What of `base` is not shown to hold in `candidate`: a skill that is gone, an input that is
/// no longer taken, an output that was never answered, one break for each schema; and a conversation
/// that is gone.
pub(super) fn breaks(base: &Profile, candidate: &Profile) -> Vec<ContractBreak> {
    let mut steps = 0;
    let mut of_skill = |before: &Skill| of_skill(before, candidate.skill(before.name.as_str()), &mut steps);
    let mut breaks: Vec<ContractBreak> = base.skills.iter().flat_map(&mut of_skill).collect();
    if base.conversation.is_some() && candidate.conversation.is_none() {
        let says = "its own conversation is gone".to_owned();
        breaks.push(ContractBreak { skill: SkillName::CONVERSE.to_owned(), schema: None, at: String::new(), says });
    }
    breaks
}

fn of_skill(before: &Skill, after: Option<&Skill>, steps: &mut usize) -> Vec<ContractBreak> {
    let skill = before.name.to_string();
    let Some(after) = after else {
        let says = "it is gone".to_owned();
        return vec![ContractBreak { skill, schema: None, at: String::new(), says }];
    };
    let input = schema::admits(&before.input, &after.input, steps).err().map(|Gap { at, constraint }| ContractBreak {
        skill: skill.clone(),
        schema: Some(SchemaKind::Input),
        at,
        says: format!("it asks for {constraint}, which is not shown of all that was taken before"),
    });
    let output =
        schema::admits(&after.output, &before.output, steps).err().map(|Gap { at, constraint }| ContractBreak {
            skill,
            schema: Some(SchemaKind::Output),
            at,
            says: format!("{constraint} was promised, which is not shown of all that is answered now"),
        });
    input.into_iter().chain(output).collect()
}
