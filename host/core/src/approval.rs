//! Approvals of what agents do: which tasks need one, what an agent shows that asks for one, and how one
//! comes to be decided.
//!
//! ```text
//!            a rule of the policy demands it
//!  request ───────────────────────────────────▶ level 1 open ──quorum──▶ level 2 open ──…──▶ granted
//!                                                   │  │                                       ▲
//!                                    somebody rejects  └──time: the next level is asked, too   │
//!                                                   ▼     or instead                           │
//!                                               rejected        time: routine, nobody objected ┘
//!                                                               time: expired
//! ```
//!
//! *The attack:* whoever asks for something destructive says yes to it itself, two of a quorum are one,
//! what was looked at is not what runs, or a right that was lent outlives its time. *The rule:* the
//! requester decides nothing of its own unless the level says so; a principal counts once on a level,
//! whether it speaks for itself or for who lent it the right; a higher level stands for those below it,
//! never the other way round. *The default:* no policy, and nothing is demanded.
//!
//! It is a machine without clock, store or network: each step is told the time and by whom, so that what
//! follows from what is tested without waiting.

mod asked;
mod link;
mod machine;
mod policy;
mod shown;

pub use crate::pattern::SkillPattern;
pub use asked::{ApprovalOptions, ApprovalsFull, AskedApproval};
pub use link::ApprovalLink;
pub use machine::{ApprovalStep, LentRight};
pub use policy::{ApprovalLevel, ApprovalPolicy, ApprovalRule, Escalation, LevelWhen};
pub use shown::{ApprovalKind, ShownAction};

#[cfg(test)]
#[path = "approval/machine_tests.rs"]
mod tests;
