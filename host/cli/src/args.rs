//! The command line's grammar.

mod agents;
mod approvals;
mod audit;
mod backup;
mod events;
mod grant;
mod groups;
mod hooks;
mod host;
mod instances;
mod kept;
mod locks;
mod publish;
mod registry;
mod release;
mod releases;
mod run;
mod runtime;
mod schedules;
mod sessions;
mod swap;
mod tasks;
mod templates;
mod tenants;
mod trust;
mod undeploy;
mod webhooks;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use troupe_core::limits;

pub(crate) use agents::{Agents, AgentsVerb, CreateAgent};
pub(crate) use approvals::{ApprovalPolicyVerb, Approvals, ApprovalsVerb, Decision};
pub(crate) use audit::{Audit, AuditOf, AuditVerb};
pub(crate) use backup::{Backup, Restore};
pub(crate) use events::{
    Events, EventsVerb, ListEvents, PublishEvent, RedeliverEvents, SetSubscription, Subscriptions, SubscriptionsVerb,
};
pub(crate) use grant::{Explained, Grant, GrantVerb};
pub(crate) use groups::{Groups, GroupsVerb, ListGroups, RunGroup};
pub(crate) use hooks::{Hooks, HooksVerb, SetHook};
pub(crate) use host::{ActsWith, Dev, Listen, Serve};
pub(crate) use instances::{Instances, InstancesVerb, Listed};
pub(crate) use kept::Kept;
pub(crate) use locks::{Locks, LocksVerb};
pub(crate) use publish::{Build, Publish};
pub(crate) use registry::{Pull, Push};
pub(crate) use release::{Approved, Release, ReleaseVerb};
pub(crate) use releases::{Channels, ChannelsVerb, Releases, ReleasesVerb};
pub(crate) use run::Run;
pub(crate) use runtime::{RuntimeArgs, RuntimeVerb};
pub(crate) use schedules::{Schedules, SchedulesVerb, SetSchedule};
pub(crate) use sessions::{Ask, ListedSessions, Sessions, SessionsVerb, StartSession, Suggest};
pub(crate) use swap::{Canary, How, Policy, PolicyVerb, Promote, Rollback, Swap, Swaps};
pub(crate) use tasks::Tasks;
pub(crate) use templates::{Templates, TemplatesVerb};
pub(crate) use tenants::{Keys, KeysCommand, Tenants, TenantsCommand};
pub(crate) use trust::{Keygen, Sign, Trust, TrustVerb};
pub(crate) use undeploy::{DeleteAgent, Undeploy};
pub(crate) use webhooks::{SetWebhook, Webhooks, WebhooksVerb};

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

    /// Whom to trust to sign the host's certificate, a PEM file; whom the system trusts when absent.
    #[arg(long, global = true, env = "TROUPE_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

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
    /// Sign an agent's directory or archive and publish it to a host.
    #[command(after_help = "Examples:
  troupe publish plugins/aws
  troupe publish aws.tar                      with the signatures that are in it
  troupe publish aws.tar --key ci.key         and one more
  troupe publish plugins/aws --channel beta   aws@beta names it from then on

What is not signed is signed with the key of the data directory, where there is one.")]
    Publish(Publish),
    /// Fetch a release from an OCI registry and publish it.
    #[command(after_help = "Examples:
  troupe pull registry.example.com/agents/aws:1.2.0
  troupe pull registry.example.com/agents/aws@sha256:2d71...
  troupe pull aws@stable      the release that the channel's document in the host's --registry names

The host connects, with the credentials that `docker login` or `skopeo login` has left for its user.")]
    Pull(Pull),
    /// Send a published release to an OCI registry, or say there which one a channel names.
    #[command(after_help = "Examples:
  troupe push aws@1.2.0                                          to the host's --registry
  troupe push aws@1.2.0 registry.example.com/agents/aws:1.2.0
  troupe push aws@stable                                         the release and the channel's document
  troupe push aws@stable --expires 7d --key ci.key

What is there already is not sent again; a tag that names another image is not moved. A channel's
document says which release it names here, and is signed, numbered and good for a time; sent again
it has a higher number and a new time. Hosts with the same --registry go by it.")]
    Push(Push),
    /// Make a key to sign releases with.
    #[command(after_help = "Examples:
  troupe keygen --out ci.key                  writes ci.key and ci.key.pub")]
    Keygen(Keygen),
    /// Sign the release in an archive, one that is published, or the document of a channel.
    #[command(after_help = "Examples:
  troupe sign aws.tar --key ci.key
  troupe sign aws@1.2.0 --key security.key
  troupe sign aws@stable --key cosign.key                        asks for its password
  troupe sign aws.tar --payload > payload.json
  cosign sign-blob --key gcpkms://… payload.json > payload.sig
  troupe sign aws.tar --signature payload.sig

Private keys are PKCS#8 PEM, Ed25519 or ECDSA on P-256, or cosign's key pairs, whose password is
asked for or taken from COSIGN_PASSWORD. Keys that are kept elsewhere sign what `--payload` prints.")]
    Sign(Sign),
    /// See and say whose signatures releases need.
    #[command(after_help = "Examples:
  troupe trust
  troupe trust add ci.key.pub --name ci --for 'aws*'
  troupe trust rule 'aws*' --keys ci,security --threshold 2
  troupe trust revoke ci                      what serves goes on; nothing new serves by it")]
    Trust(Trust),
    /// Ask an agent for a skill and wait for the answer.
    #[command(after_help = "Examples:
  troupe run aws inventory --input '{\"regions\":[\"us-east-1\"]}'
  troupe run echo echo --input @input.json
  echo '{\"text\":\"hello\"}' | troupe run echo echo --input -
  troupe run reporting nightly --delay 8h --detach     begins in eight hours
  troupe run aws inventory --tries 5 --pause 10s       again after 10 s, 20 s and so on
  troupe --json run echo echo --input '{\"text\":\"hello\"}'

Exit status: 0 completed, 1 failed, 130 interrupted (the task is cancelled).")]
    Run(Run),
    /// List, search or show agents, make one of a template, export or delete one.
    #[command(after_help = "Examples:
  troupe agents
  troupe agents --search \"s3 buckets\"
  troupe agents aws
  troupe agents aws --lift    ends the quarantine of an agent that trapped again and again
  troupe agents create eu-explorer --template explorer --set region=eu-west-1
  troupe agents export aws > aws.yaml
  troupe agents delete aws    with all its releases, once it is not deployed")]
    Agents(Agents),
    /// List templates of agents, show one, import, export or remove one.
    #[command(after_help = "Examples:
  troupe templates
  troupe templates import explorer.yaml
  troupe templates show explorer
  troupe templates export explorer@1.0.0 > explorer.yaml
  troupe templates remove explorer@1.0.0")]
    Templates(Templates),
    /// List an agent's releases; deprecate, yank or delete one, or collect what none needs.
    #[command(after_help = "Examples:
  troupe releases aws
  troupe releases deprecate aws@1.2.0 --message \"use 1.3.0\"
  troupe releases yank aws@1.2.0      nothing begins to use it, what serves goes on
  troupe releases delete aws@1.1.0    refused while anything needs it
  troupe releases gc --dry-run")]
    Releases(Releases),
    /// List an agent's channels, move one, or remove one.
    #[command(after_help = "Examples:
  troupe channels aws
  troupe channels aws set stable 1.3.0
  troupe channels aws set stable 1.2.0 --downgrade
  troupe channels aws remove beta")]
    Channels(Channels),
    /// List tasks; show one, cancel it, ask for it once more, or forget what it did.
    #[command(after_help = "Examples:
  troupe tasks
  troupe tasks --agent aws --status failed
  troupe tasks 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b
  troupe tasks 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b --tree
  troupe tasks 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b --cancel
  troupe tasks 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b --retry
  troupe tasks 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b --redact")]
    Tasks(Tasks),
    /// Run tasks that need one another as a group; list, show, watch, cancel or retry one.
    #[command(after_help = "Examples:
  troupe groups run release.json
  troupe groups
  troupe groups get 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b
  troupe groups watch 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b
  troupe groups cancel 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b
  troupe groups retry 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b")]
    Groups(Groups),
    /// List schedules, show one, set one, pause it, resume it, or remove it.
    #[command(after_help = "Examples:
  troupe schedules
  troupe schedules set nightly '0 3 * * *' reporting summary --timezone Europe/Berlin
  troupe schedules show nightly
  troupe schedules pause nightly
  troupe schedules remove nightly")]
    Schedules(Schedules),
    /// Publish events, see what became of them, deliver them again.
    #[command(after_help = "Examples:
  troupe events
  troupe events publish shop.order.placed --data '{\"order\":17}'
  troupe events show 4711
  troupe events --follow --topic 'shop.>'     as they are published
  troupe events dead                          deliveries that were given up
  troupe events redeliver --from 4711")]
    Events(Events),
    /// List subscriptions to events, show one, set one, pause it, resume it, or remove it.
    #[command(after_help = "Examples:
  troupe subscriptions
  troupe subscriptions set billing 'shop.order.*' billing charge
  troupe subscriptions pause billing")]
    Subscriptions(Subscriptions),
    /// List the locks that tasks hold, show one and who waits for it, or take one away.
    #[command(after_help = "Examples:
  troupe locks
  troupe locks list 'orders/*'
  troupe locks get orders/17
  troupe locks release orders/17              the next that waits is given it")]
    Locks(Locks),
    /// List tasks that wait for approval, show what one would do, approve of it or reject it.
    #[command(after_help = "Examples:
  troupe approvals
  troupe approvals show 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b
  troupe approvals approve 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b     shows the action and asks
  troupe approvals reject 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b --reason 'the wrong account'
  troupe approvals policy set policy.json")]
    Approvals(Approvals),
    /// List instances of agents, show, start, pause, resume, restart or stop one.
    #[command(after_help = "Examples:
  troupe instances
  troupe instances start chat --name anna        the same name gives the same instance
  troupe run chat say --instance 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b --input '{\"text\":\"hello\"}'
  troupe instances show 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b
  troupe instances restart 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b
  troupe instances stop 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b")]
    Instances(Instances),

    /// Show how a tenant's tasks go: what is open, what failed, what they took and cost; stop and start them.
    #[command(after_help = "Examples:
  troupe runtime status
  troupe runtime status --agent aws
  troupe runtime status --instance 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b
  troupe runtime stop                            no task begins until `troupe runtime start`")]
    Runtime(RuntimeArgs),
    /// List sessions; start, show, end or export one, change its context, have an agent join.
    #[command(after_help = "Examples:
  troupe sessions
  troupe sessions start --with aws --context '{\"region\":\"eu-central-1\"}'
  troupe ask 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b list the instances
  troupe sessions context 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b '{\"region\":\"us-east-1\"}'
  troupe sessions end 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b")]
    Sessions(Sessions),
    /// Say something to an agent in a session and wait for the reply.
    #[command(after_help = "Examples:
  troupe ask 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b list the instances in eu-central-1
  troupe ask 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b increment key=visits delta=5 --explain
  troupe ask 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b --confirm 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3c

Exit status: 0 replied, also with a question, 1 failed.")]
    Ask(Ask),
    /// Suggest what could be said next in a session.
    #[command(after_help = "Examples:
  troupe suggest 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b")]
    Suggest(Suggest),
    /// Repeat a task from its journal, with no effect, and say whether it does the same.
    #[command(after_help = "Examples:
  troupe replay 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b
  troupe replay 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b --release 1.3.0
  troupe --json replay 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b

Exit status: 0 identical, 1 different.")]
    Replay(Replay),
    /// Try a release on what its agent was asked lately, with no effect, and say what differs.
    #[command(after_help = "Examples:
  troupe rehearse aws@1.3.0
  troupe rehearse aws@1.3.0 --last 2000 --skill inventory
  troupe --json rehearse aws@1.3.0

Exit status: 0 nothing differs, 1 failed, 3 something differs, 4 nothing was rehearsed.")]
    Rehearse(Rehearse),
    /// Make a published release serve, at once or by steps.
    #[command(after_help = "Examples:
  troupe swap aws@1.2.0
  troupe swap aws@stable             the release that the channel names now, by the host's --registry
  troupe swap aws@1.2.0 --epoch 7    only if nothing changed since epoch 7
  troupe swap aws@1.2.0 --rehearse --canary 5,25,50 --watch 60s
  troupe swap aws@1.2.0 --at-once    whatever `troupe policy aws` says

By steps it is followed to where it is decided, also over a restart of the host; Ctrl-C leaves it going.
Exit status: 0 the release serves, 1 it does not, 130 interrupted (the swap goes on).")]
    Swap(Swap),
    /// See, set or remove how an agent is swapped when `troupe swap` is not told how.
    #[command(after_help = "Examples:
  troupe policy aws
  troupe policy aws set --rehearse --canary 5,25,50 --watch 60s
  troupe policy aws set --policy @policy.json
  troupe policy aws remove")]
    Policy(Policy),
    /// Give the release that is tried a greater share of the calls, by hand.
    #[command(after_help = "Examples:
  troupe canary aws 40")]
    Canary(Canary),
    /// Let the release that is tried serve, or end its watch.
    #[command(after_help = "Examples:
  troupe promote aws")]
    Promote(Promote),
    /// Go back to the release that served before.
    #[command(after_help = "Examples:
  troupe rollback aws
  troupe rollback aws --follow")]
    Rollback(Rollback),
    /// Take an agent out of service: nothing of it begins any more, what runs drains.
    #[command(after_help = "Examples:
  troupe undeploy aws
  troupe undeploy aws --drain 300
  troupe undeploy aws --state remove    its state goes with it

Its triggers and grants go with it; schedules and subscriptions that ask it are paused, its instances are
stopped, and what has not begun ends as failed.")]
    Undeploy(Undeploy),
    /// List an agent's swaps; show one, follow it, or end it.
    #[command(after_help = "Examples:
  troupe swaps aws
  troupe swaps aws 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b --follow
  troupe swaps aws 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b --abort

Exit status of --follow: 0 the release serves, 1 it does not, 130 interrupted (the swap goes on).")]
    Swaps(Swaps),
    /// See what of a release waits for approval, and approve of it or reject it.
    #[command(after_help = "Examples:
  troupe release pending
  troupe release diff aws@1.3.0
  troupe release approve aws@1.3.0
  troupe release reject aws@1.3.0 --reason 'why does it send mail?'")]
    Release(Release),
    /// List tenants, make one, disable or enable one; for the owner of the host.
    #[command(after_help = "Examples:
  troupe tenants
  troupe tenants create acme
  troupe tenants disable acme    its keys open nothing, what runs of it is cancelled
  troupe tenants enable acme")]
    Tenants(Tenants),
    /// List the hosts that work on the same database; for the owner of the host.
    #[command(after_help = "Examples:
  troupe hosts")]
    Hosts,
    /// List API keys, make one, or revoke one.
    #[command(after_help = "Examples:
  troupe keys
  troupe keys create --name ci --scopes read,run --expires 30d
  troupe keys create --name ci --scopes operate --for 'aws*' --expires 12h
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
    /// Save everything that a host keeps to a file, while it serves.
    #[command(after_help = "The owner's token and the key that the host signs with are not in it: keep copies of
`token` and `signing.key` of the data directory elsewhere, if they shall outlive it.

Examples:
  troupe backup troupe-backup.tar.zst
  troupe backup --check troupe-backup.tar.zst     read it through and say what is in it")]
    Backup(Backup),

    /// Make a data directory of a backup.
    #[command(after_help = "Examples:
  troupe restore troupe-backup.tar.zst --data-dir new --signing-key signing.key
  troupe serve --data-dir new")]
    Restore(Restore),
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

#[derive(Debug, ClapArgs)]
pub(crate) struct Replay {
    /// The task; it has to have ended.
    pub(crate) task: String,

    /// Another release of its agent, to be tried on what the task did.
    #[arg(long, value_name = "VERSION|AGENT@VERSION")]
    pub(crate) release: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rehearse {
    /// The release, as AGENT@VERSION.
    pub(crate) release: String,

    /// How many of the newest recorded invocations to try it on.
    #[arg(long, default_value_t = limits::REHEARSAL_LAST_DEFAULT, value_name = "N")]
    pub(crate) last: u32,

    /// Only those of this skill.
    #[arg(long, value_name = "SKILL")]
    pub(crate) skill: Option<String>,

    /// How long it may take, in seconds; ten minutes when absent and at most.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
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
