//! Names of agents that are easily taken for one another.
//!
//! *The attack:* somebody publishes `terraforrn`, and whoever types or reads `terraform` gets it.
//! *The rule:* the first release of an agent is refused if its name reads like another agent's of
//! the tenant, or is one slip of the fingers from it, unless whoever publishes says that it is
//! meant. Other scripts and capital letters need no rule: the grammar of names has none.
//!
//! | | reads alike, or one slip | told apart |
//! |---|---|---|
//! | shapes | `echo`, `ech0`; `mail`, `mai1`; `modern`, `modem` | |
//! | hyphens | `cost-report`, `costreport` | |
//! | one letter | `terraform`, `teraform`; `incident`, `incidnet` | `aws`, `ads` (too short to say) |
//! | series | | `trial-1`, `trial-2`; `aws`, `aws2`; `worker-a`, `worker-b` |

use troupe_core::view::PublishQuery;
use troupe_core::{AgentName, Code, Error, Result, TenantId, limits};

use crate::Runtime;

/// Letters and digits that look alike, and what they are read as.
const ALIKE: [(&str, &str); 8] =
    [("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("i", "l"), ("5", "s"), ("8", "b"), ("-", "")];

impl Runtime {
    /// Checks that the name of a new agent is not easily taken for that of another.
    ///
    /// # Errors
    /// [`Code::ArtifactName`] naming the other.
    pub(crate) async fn check_name(&self, tenant: &TenantId, agent: &AgentName, query: &PublishQuery) -> Result<()> {
        if query.allow_similar {
            return Ok(());
        }
        let names = self.store.agent_names(tenant).await?;
        if names.contains(agent) {
            return Ok(());
        }
        let Some(other) = names.iter().find(|other| are_similar(agent.as_str(), other.as_str())) else { return Ok(()) };
        let message = format!(
            "`{agent}` is easily taken for `{other}`, which is another agent; choose another name, or publish it with \
             `--allow-similar` (`allow_similar=true`) if that is meant"
        );
        Err(Error::new(Code::ArtifactName, message).with("similar_to", other.as_str()))
    }
}

/// Whether two different names are easily taken for one another.
fn are_similar(a: &str, b: &str) -> bool {
    read(a) == read(b) || is_one_slip(a, b)
}

/// What a name is read as.
fn read(name: &str) -> String {
    ALIKE.iter().fold(name.to_owned(), |name, (shape, read)| name.replace(shape, read))
}

/// Whether one letter was left out, added, changed or swapped with its neighbour.
fn is_one_slip(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.len() < limits::SIMILAR_NAME_CHARS_MIN || is_series(a, b) {
        return false;
    }
    let (short, long) = (short.as_bytes(), long.as_bytes());
    let ahead = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let (short, long) = (short.split_at(ahead).1, long.split_at(ahead).1);
    match (short, long) {
        (short, [_, rest @ ..]) if short == rest => true,
        ([a, rest @ ..], [b, others @ ..]) if rest == others => a != b,
        ([a, b, rest @ ..], [c, d, others @ ..]) => a == d && b == c && rest == others,
        _ => false,
    }
}

/// Whether two names are members of one series: they differ in a number, or in a part between
/// hyphens that is one character.
fn is_series(a: &str, b: &str) -> bool {
    let without_numbers = |name: &str| name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    if without_numbers(a) == without_numbers(b) {
        return true;
    }
    let (a, b): (Vec<_>, Vec<_>) = (a.split('-').collect(), b.split('-').collect());
    let is_counter = |part: &str| part.len() == 1 || part.bytes().all(|byte| byte.is_ascii_digit());
    a.len() == b.len() && a.iter().zip(&b).filter(|(a, b)| a != b).all(|(a, b)| is_counter(a) && is_counter(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_read_alike_or_are_a_slip_apart_are_similar() {
        for (a, b) in [
            ("echo", "ech0"),
            ("mail", "mai1"),
            ("modern", "modem"),
            ("cost-report", "costreport"),
            ("terraform", "teraform"),
            ("terraform", "terraforn"),
            ("terraform", "terraforms"),
            ("incident", "incidnet"),
            ("kubernetes", "kubemetes"),
        ] {
            assert!(are_similar(a, b) && are_similar(b, a), "{a} {b}");
        }
    }

    #[test]
    fn series_short_names_and_other_words_are_told_apart() {
        let ours = [
            "aws",
            "azure",
            "gcp",
            "security",
            "migration",
            "reporting",
            "scripting",
            "tutorial",
            "terraform",
            "kubernetes",
            "incident",
            "cost",
            "echo",
            "clerk",
            "counter",
            "hostile",
            "fetch",
            "files",
            "sleeper",
            "trial",
            "weave",
        ];
        for (position, a) in ours.iter().enumerate() {
            for b in &ours[position + 1..] {
                assert!(!are_similar(a, b), "{a} {b}");
            }
        }
        for (a, b) in [
            ("trial-1", "trial-2"),
            ("trial-9", "trial-10"),
            ("trial", "trial2"),
            ("worker-a", "worker-b"),
            ("worker-a-1", "worker-b-2"),
            ("aws", "ads"),
            ("cost", "host"),
            ("alpha", "beta"),
        ] {
            assert!(!are_similar(a, b) && !are_similar(b, a), "{a} {b}");
        }
    }
}
