//! The grammar of `troupe run`.

use clap::Args as ClapArgs;
use troupe_core::view::TaskBudget;

#[derive(Debug, ClapArgs)]
pub(crate) struct Run {
    /// The agent.
    pub(crate) agent: String,

    /// The skill.
    pub(crate) skill: String,

    /// The input: JSON, `@FILE`, or `-` for standard input.
    #[arg(long, short, default_value = "{}", value_name = "JSON")]
    pub(crate) input: String,

    /// The instance that it is for, by its id.
    #[arg(long, value_name = "ID")]
    pub(crate) instance: Option<String>,

    /// How long the task may run, in seconds; the agent's own limit when absent.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,

    /// How long it may take in all, in seconds, what it is suspended included; as long as it
    /// may run when absent.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) lifetime: Option<u64>,

    /// The most that it may cost together with all that agents ask for below it: any of `tasks`, `compute_ms`,
    /// `sent_bytes` and `received_bytes`, such as `tasks=20,compute_ms=60000`.
    #[arg(long, value_name = "PART=N,…", value_parser = budget)]
    pub(crate) budget: Option<TaskBudget>,

    /// Begin after so long, such as `90s`, `8h` or `30d`; at once when absent.
    #[arg(long, value_name = "TIME")]
    pub(crate) delay: Option<String>,

    /// Try so often in all while it fails and says that another try may succeed: 2 to 20.
    #[arg(long, value_name = "N")]
    pub(crate) tries: Option<u32>,

    /// The pause before the second try, such as `10s`, doubled for each further one up to five
    /// minutes; one second when absent.
    #[arg(long, value_name = "TIME", requires = "tries")]
    pub(crate) pause: Option<String>,

    /// The same key with the same request gives the same task.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,

    /// Tasks of one affinity run on one release while another is tried; who asks when absent.
    #[arg(long, value_name = "KEY")]
    pub(crate) affinity: Option<String>,

    /// Print the accepted task and return without waiting for it.
    #[arg(long)]
    pub(crate) detach: bool,
}

/// Reads a budget.
fn budget(text: &str) -> Result<TaskBudget, String> {
    let mut budget = TaskBudget::default();
    for part in text.split(',') {
        let (name, number) = part.split_once('=').ok_or("write PART=N, with commas between several")?;
        let number = number.parse().map_err(|_| format!("`{number}` is not a number"))?;
        let place = match name {
            "tasks" => &mut budget.tasks,
            "compute_ms" => &mut budget.compute_ms,
            "sent_bytes" => &mut budget.sent_bytes,
            "received_bytes" => &mut budget.received_bytes,
            other => return Err(format!("`{other}` is none of tasks, compute_ms, sent_bytes and received_bytes")),
        };
        *place = Some(number);
    }
    Ok(budget)
}
