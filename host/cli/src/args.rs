//! The command line's grammar.

mod audit;
mod grant;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand};
use troupe_core::limits;
use troupe_runtime::JournalLimits;

pub(crate) use audit::{Audit, AuditOf, AuditVerb};
pub(crate) use grant::{Explained, Grant, GrantVerb};

/// A host for agents packaged as WebAssembly components.
#[derive(Debug, Parser)]
#[command(
    name = "troupe",
    version,
    max_term_width = 100,
    after_help = "Examples:
  troupe dev                            build, deploy and serve every agent under plugins/
  troupe agents                         list agents
  troupe run echo echo --input '{\"text\":\"hello\"}'
  troupe swap echo@1.2.0                make another release serve"
)]
pub(crate) struct Args {
    /// Print JSON for programs instead of text for people.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// The directory in which the host keeps everything.
    #[arg(long, global = true, env = "TROUPE_DATA_DIR", default_value = ".troupe", value_name = "DIR")]
    pub(crate) data_dir: PathBuf,

    /// The host to talk to.
    #[arg(long, global = true, env = "TROUPE_HOST", default_value = "http://127.0.0.1:7070", value_name = "URL")]
    pub(crate) host: String,

    /// The token to show; found in the data directory when absent.
    #[arg(long, global = true, env = "TROUPE_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build every agent in a directory, deploy them, serve, and swap them as you edit.
    #[command(after_help = "Examples:
  troupe dev
  troupe dev my-agents --listen 127.0.0.1:8080")]
    Dev(Dev),
    /// Serve what was published to the data directory.
    #[command(after_help = "Examples:
  troupe serve
  troupe --data-dir /var/lib/troupe serve --listen 127.0.0.1:8080")]
    Serve(Serve),
    /// Build an agent into an archive that can be published.
    #[command(after_help = "Examples:
  troupe build plugins/aws
  troupe build plugins/aws --output aws.tar")]
    Build(Build),
    /// Publish an agent's directory or archive to a host.
    #[command(after_help = "Examples:
  troupe publish plugins/aws
  troupe publish aws.tar")]
    Publish(Publish),
    /// Ask an agent for a skill and wait for the answer.
    #[command(after_help = "Examples:
  troupe run aws inventory --input '{\"regions\":[\"us-east-1\"]}'
  troupe run echo echo --input @input.json
  echo '{\"text\":\"hello\"}' | troupe run echo echo --input -
  troupe --json run echo echo --input '{\"text\":\"hello\"}'

Exit status: 0 completed, 1 failed, 130 interrupted (the task is cancelled).")]
    Run(Run),
    /// List agents, or show one with its skills and versions.
    #[command(after_help = "Examples:
  troupe agents
  troupe agents aws
  troupe agents aws --lift    ends the quarantine of an agent that trapped again and again")]
    Agents(Agents),
    /// List tasks; show one, cancel it, or forget what it did.
    #[command(after_help = "Examples:
  troupe tasks
  troupe tasks --agent aws --status failed
  troupe tasks 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b
  troupe tasks 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b --cancel
  troupe tasks 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b --redact")]
    Tasks(Tasks),
    /// Repeat a task from its journal, with no effect, and say whether it does the same.
    #[command(after_help = "Examples:
  troupe replay 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b
  troupe replay 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b --release 1.3.0
  troupe --json replay 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b

Exit status: 0 identical, 1 different.")]
    Replay(Replay),
    /// Make a published release serve.
    #[command(after_help = "Examples:
  troupe swap aws@1.2.0
  troupe swap aws@1.2.0 --epoch 7    only if nothing changed since epoch 7")]
    Swap(Swap),
    /// List tenants, make one, disable or enable one; for the owner of the host.
    #[command(after_help = "Examples:
  troupe tenants
  troupe tenants create acme
  troupe tenants disable acme    its keys open nothing, what runs of it is cancelled
  troupe tenants enable acme")]
    Tenants(Tenants),
    /// List API keys, make one, or revoke one.
    #[command(after_help = "Examples:
  troupe keys
  troupe keys create --name ci --scopes read,run --expires 30d
  troupe keys create --name alice --scopes read,run,operate,admin --tenant acme
  troupe keys revoke 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b")]
    Keys(Keys),
    /// See, change, compare and explain what an agent may do.
    #[command(after_help = "Examples:
  troupe grant show aws
  troupe grant add aws http/ec2
  troupe grant explain aws http GET https://s3.us-east-1.amazonaws.com/bucket?list-type=2")]
    Grant(Grant),
    /// See what was decided, and verify that nobody has altered it.
    #[command(after_help = "Examples:
  troupe audit                                  the newest decisions
  troupe audit --kind denied --agent aws
  troupe audit head                             prints SEQ:HASH; keep it elsewhere
  troupe audit verify --head SEQ:HASH           also sees a tail that was cut off

Exit status of verify: 0 whole, 1 broken.")]
    Audit(Audit),
    /// Print the contract, or that of a component, as WIT.
    #[command(after_help = "Examples:
  troupe wit
  troupe wit target/wasm32-wasip2/release/my_agent.wasm")]
    Wit(Wit),
}

impl Command {
    /// Whether the command is a host, which logs what happens.
    pub(crate) const fn is_host(&self) -> bool {
        matches!(self, Self::Dev(_) | Self::Serve(_))
    }
}

/// Where a host listens.
#[derive(Debug, ClapArgs)]
pub(crate) struct Listen {
    /// The address to listen on; port 0 lets the system choose.
    #[arg(long, default_value = "127.0.0.1:7070", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,

    /// A further name under which clients may address the host.
    #[arg(long, value_name = "NAME")]
    pub(crate) host_name: Vec<String>,
}

/// What a host acts with.
#[derive(Debug, ClapArgs)]
pub(crate) struct ActsWith {
    /// The document of credentials and secrets; credentials.toml in the data directory when
    /// absent.
    #[arg(long, env = "TROUPE_CREDENTIALS", value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Dev {
    /// A directory of agents, or of one.
    #[arg(default_value = "plugins", value_name = "DIR")]
    pub(crate) dir: PathBuf,

    #[command(flatten)]
    pub(crate) listen: Listen,

    #[command(flatten)]
    pub(crate) acts_with: ActsWith,

    #[command(flatten)]
    pub(crate) journals: Journals,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) listen: Listen,

    #[command(flatten)]
    pub(crate) acts_with: ActsWith,

    #[command(flatten)]
    pub(crate) journals: Journals,
}

/// How long a host keeps journals.
#[derive(Debug, ClapArgs)]
pub(crate) struct Journals {
    /// Days after the end of its task for which a journal is kept.
    #[arg(long, env = "TROUPE_JOURNAL_DAYS", default_value_t = limits::JOURNAL_DAYS_DEFAULT, value_name = "DAYS")]
    pub(crate) journal_days: u32,

    /// What the journals of one tenant may take together, in bytes.
    #[arg(long, env = "TROUPE_JOURNAL_BYTES", default_value_t = limits::JOURNAL_TENANT_BYTES_DEFAULT, value_name = "BYTES")]
    pub(crate) journal_bytes: u64,
}

impl Journals {
    /// The same, as the runtime takes it.
    pub(crate) fn limits(&self) -> JournalLimits {
        let time = Duration::from_secs(u64::from(self.journal_days) * 24 * 60 * 60);
        JournalLimits { time, tenant_bytes: self.journal_bytes }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Build {
    /// The agent's directory: the one with its agent.toml.
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) dir: PathBuf,

    /// Where to write the archive; NAME-VERSION.tar in the build directory when absent.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Publish {
    /// An agent's directory, or an archive that `troupe build` wrote.
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    pub(crate) source: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Run {
    /// The agent.
    pub(crate) agent: String,

    /// The skill.
    pub(crate) skill: String,

    /// The input: JSON, `@FILE`, or `-` for standard input.
    #[arg(long, short, default_value = "{}", value_name = "JSON")]
    pub(crate) input: String,

    /// How long the task may run, in seconds; the agent's own limit when absent.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,

    /// How long it may take in all, in seconds, what it is suspended included; as long as it
    /// may run when absent.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) lifetime: Option<u64>,

    /// The same key with the same request gives the same task.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,

    /// Print the accepted task and return without waiting for it.
    #[arg(long)]
    pub(crate) detach: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Agents {
    /// The agent to show.
    pub(crate) agent: Option<String>,

    /// End the agent's quarantine.
    #[arg(long, requires = "agent")]
    pub(crate) lift: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Tasks {
    /// The task to show.
    pub(crate) task: Option<String>,

    /// Cancel the task.
    #[arg(long, requires = "task")]
    pub(crate) cancel: bool,

    /// Forget what the task's calls and answers hold; it cannot be replayed any more.
    #[arg(long, requires = "task", conflicts_with = "cancel")]
    pub(crate) redact: bool,

    /// Forget its input and output, too.
    #[arg(long, requires = "redact")]
    pub(crate) all: bool,

    /// Only those of this agent.
    #[arg(long, conflicts_with = "task", value_name = "AGENT")]
    pub(crate) agent: Option<String>,

    /// Only those in this status.
    #[arg(long, conflicts_with = "task", value_name = "STATUS")]
    pub(crate) status: Option<String>,

    /// How many.
    #[arg(long, conflicts_with = "task", default_value_t = 20, value_name = "N")]
    pub(crate) limit: u32,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Replay {
    /// The task; it has to have ended.
    pub(crate) task: String,

    /// Another release of its agent, to be tried on what the task did.
    #[arg(long, value_name = "VERSION|AGENT@VERSION")]
    pub(crate) release: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Swap {
    /// The release, as AGENT@VERSION.
    pub(crate) release: String,

    /// Change nothing if the deployment's epoch is another.
    #[arg(long, value_name = "N")]
    pub(crate) epoch: Option<u64>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Tenants {
    #[command(subcommand)]
    pub(crate) command: Option<TenantsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TenantsCommand {
    /// Make a tenant.
    Create {
        /// Its name, for good.
        name: String,
    },
    /// Disable a tenant: its keys open nothing, what runs of it is cancelled, what waits stays.
    Disable {
        /// Its name.
        name: String,
    },
    /// Enable a disabled tenant again.
    Enable {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Keys {
    /// The tenant whose keys are meant, for the owner of the host; the token's own when absent.
    #[arg(long, global = true, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Option<KeysCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print its token, this once.
    Create {
        /// What people call it.
        #[arg(long)]
        name: String,

        /// What its holder may do, separated by commas: read, run, operate, audit, admin,
        /// metrics, machine.
        #[arg(long, value_delimiter = ',', required = true, value_name = "SCOPES")]
        scopes: Vec<String>,

        /// For how long it is good, such as `30d` or `12h`; for ever when absent.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Revoke a key for good.
    Revoke {
        /// Its id.
        key: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Wit {
    /// A component; the contract itself when absent.
    pub(crate) component: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_grammar_is_consistent() {
        super::Args::command().debug_assert();
    }
}
