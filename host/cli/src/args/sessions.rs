//! The grammar of `troupe sessions`, `troupe ask` and `troupe suggest`.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct Sessions {
    #[command(subcommand)]
    pub(crate) verb: Option<SessionsVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionsVerb {
    /// List your sessions, newest first.
    #[command(after_help = "Examples:
  troupe sessions list
  troupe sessions list --status open
  troupe sessions list --all          those of everybody, for operators")]
    List(ListedSessions),
    /// Show a session, who is in it, and what it is about.
    Get {
        /// Its id.
        session: String,
    },
    /// Start a session.
    #[command(after_help = "Examples:
  troupe sessions start
  troupe sessions start --with aws --context '{\"region\":\"eu-central-1\"}'
  troupe sessions start --user '{\"name\":\"Anna\"}' --idle 8h --lifetime 7d")]
    Start(StartSession),
    /// Change what a session is about.
    #[command(after_help = "Examples:
  troupe sessions context 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b '{\"region\":\"us-east-1\"}'
  troupe sessions context 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b '{\"region\":null}'")]
    Context {
        /// Its id.
        session: String,

        /// The change: JSON, `@FILE`, or `-` for standard input. Null takes a field away, an object is
        /// merged, everything else replaces.
        patch: String,
    },
    /// Have an agent join a session.
    #[command(after_help = "Examples:
  troupe sessions spawn 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b aws
  troupe sessions spawn 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b aws --name prod")]
    Spawn {
        /// The session's id.
        session: String,

        /// The agent.
        agent: String,

        /// What to call it in the session; the same name gives the same instance until that is stopped.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// End a session: its instances are stopped, and it takes no more messages.
    End {
        /// Its id.
        session: String,
    },
    /// Print a session, its instances and its messages as one JSON document.
    Export {
        /// Its id.
        session: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ListedSessions {
    /// Only those in this status: open, ended or expired.
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<String>,

    /// Those of everybody, for operators.
    #[arg(long)]
    pub(crate) all: bool,

    /// How many.
    #[arg(long, default_value_t = ListedSessions::LIMIT, value_name = "N")]
    pub(crate) limit: u32,
}

impl ListedSessions {
    const LIMIT: u32 = 20;
}

impl Default for ListedSessions {
    fn default() -> Self {
        Self { status: None, all: false, limit: Self::LIMIT }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct StartSession {
    /// Agents that join it at once.
    #[arg(long, value_name = "AGENT")]
    pub(crate) with: Vec<String>,

    /// What is known of the user: JSON, `@FILE`, or `-` for standard input.
    #[arg(long, default_value = "{}", value_name = "JSON")]
    pub(crate) user: String,

    /// What it is about: JSON, `@FILE`, or `-` for standard input. Inputs of skills are taken from
    /// fields of the same name.
    #[arg(long, default_value = "{}", value_name = "JSON")]
    pub(crate) context: String,

    /// How long it may be unused, such as `30m`, `8h` or `7d`; a day when absent.
    #[arg(long, value_name = "TIME")]
    pub(crate) idle: Option<String>,

    /// How long it lives at most, such as `8h` or `7d`; 30 days when absent.
    #[arg(long, value_name = "TIME")]
    pub(crate) lifetime: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Ask {
    /// The session's id.
    pub(crate) session: String,

    /// The words.
    #[arg(trailing_var_arg = false)]
    pub(crate) words: Vec<String>,

    /// To whom: an instance by its id or name, or an agent; to whom the last message went when absent.
    #[arg(long, value_name = "WHO")]
    pub(crate) to: Option<String>,

    /// Values for inputs: JSON, `@FILE`, or `-` for standard input.
    #[arg(long, short, value_name = "JSON")]
    pub(crate) input: Option<String>,

    /// Confirm what the agent has just proposed, by its id: exactly that is run.
    #[arg(long, value_name = "ID")]
    pub(crate) confirm: Option<String>,

    /// The same key with the same message gives the same message.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,

    /// Wait so many seconds for the reply.
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub(crate) wait: u64,

    /// Show how the words were read: which met which, and what else could be meant.
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Suggest {
    /// The session's id.
    pub(crate) session: String,
}
