//! The grammar of `troupe schedules`.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct Schedules {
    #[command(subcommand)]
    pub(crate) verb: Option<SchedulesVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchedulesVerb {
    /// List schedules.
    List,
    /// Show a schedule: what it asks for, when it is next its time, and what came of the last.
    Show {
        /// Its name.
        schedule: String,
    },
    /// Set a schedule, in place of the one of its name.
    #[command(after_help = "Examples:
  troupe schedules set nightly '0 3 * * *' reporting summary
  troupe schedules set morning '30 6 * * 1-5' aws inventory --timezone Europe/Berlin --tries 3
  troupe schedules set hourly @hourly aws inventory --input @input.json --overlap")]
    Set(Box<SetSchedule>),
    /// Have a schedule make no tasks until it is resumed.
    Pause {
        /// Its name.
        schedule: String,
    },
    /// Have a schedule make tasks again, from its next time on.
    Resume {
        /// Its name.
        schedule: String,
    },
    /// Remove a schedule; the tasks that it made stay.
    Remove {
        /// Its name.
        schedule: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SetSchedule {
    /// Its name.
    pub(crate) schedule: String,

    /// When: minute, hour, day of the month, month and day of the week, or `@hourly`, `@daily`,
    /// `@weekly`, `@monthly`.
    pub(crate) cron: String,

    /// The agent.
    pub(crate) agent: String,

    /// The skill.
    pub(crate) skill: String,

    /// The input: JSON, `@FILE`, or `-` for standard input.
    #[arg(long, short, default_value = "{}", value_name = "JSON")]
    pub(crate) input: String,

    /// The time zone in which the times are meant, such as `Europe/Berlin`; UTC when absent.
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,

    /// Make a task although the one before has not ended.
    #[arg(long)]
    pub(crate) overlap: bool,

    /// How long each task may run, in seconds; the agent's own limit when absent.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,

    /// Try each task so often in all while it fails and says that another try may succeed: 2 to 20.
    #[arg(long, value_name = "N")]
    pub(crate) tries: Option<u32>,

    /// Set it without having it make tasks yet.
    #[arg(long)]
    pub(crate) paused: bool,
}
