//! What the command says about itself.

use insta::assert_snapshot;
use troupe_tests::command::run;

use crate::PROGRAM;

async fn help(arguments: &[&str]) -> String {
    run(PROGRAM, &std::env::temp_dir(), arguments).await.good().replace("troupe-under-test", "troupe")
}

#[tokio::test]
async fn the_help_lists_every_command_with_examples() {
    assert_snapshot!(help(&["--help"]).await, @r#"
    A host for agents packaged as WebAssembly components

    Usage: troupe [OPTIONS] <COMMAND>

    Commands:
      dev            Build every agent in a directory, deploy them, serve, and swap them as you edit
      serve          Serve what was published to the data directory
      build          Build an agent into an archive that can be published
      publish        Sign an agent's directory or archive and publish it to a host
      pull           Fetch a release from an OCI registry and publish it
      push           Send a published release to an OCI registry, or say there which one a channel names
      keygen         Make a key to sign releases with
      sign           Sign the release in an archive, one that is published, or the document of a channel
      trust          See and say whose signatures releases need
      run            Ask an agent for a skill and wait for the answer
      agents         List, search or show agents, make one of a template, export or delete one
      templates      List templates of agents, show one, import, export or remove one
      releases       List an agent's releases; deprecate, yank or delete one, or collect what none needs
      channels       List an agent's channels, move one, or remove one
      tasks          List tasks; show one, cancel it, ask for it once more, or forget what it did
      groups         Run tasks that need one another as a group; list, show, watch, cancel or retry one
      schedules      List schedules, show one, set one, pause it, resume it, or remove it
      events         Publish events, see what became of them, deliver them again
      subscriptions  List subscriptions to events, show one, set one, pause it, resume it, or remove it
      locks          List the locks that tasks hold, show one and who waits for it, or take one away
      approvals      List tasks that wait for approval, show what one would do, approve of it or reject
                     it
      instances      List instances of agents, show, start, pause, resume, restart or stop one
      runtime        Show how a tenant's tasks go: what is open, what failed, what they took and cost;
                     stop and start them
      sessions       List sessions; start, show, end or export one, change its context, have an agent
                     join
      ask            Say something to an agent in a session and wait for the reply
      suggest        Suggest what could be said next in a session
      replay         Repeat a task from its journal, with no effect, and say whether it does the same
      rehearse       Try a release on what its agent was asked lately, with no effect, and say what
                     differs
      swap           Make a published release serve, at once or by steps
      policy         See, set or remove how an agent is swapped when `troupe swap` is not told how
      canary         Give the release that is tried a greater share of the calls, by hand
      promote        Let the release that is tried serve, or end its watch
      rollback       Go back to the release that served before
      undeploy       Take an agent out of service: nothing of it begins any more, what runs drains
      swaps          List an agent's swaps; show one, follow it, or end it
      release        See what of a release waits for approval, and approve of it or reject it
      tenants        List tenants, make one, disable or enable one; for the owner of the host
      hosts          List the hosts that work on the same database; for the owner of the host
      keys           List API keys, make one, or revoke one
      grant          See, change, compare and explain what an agent may do
      audit          See what was decided, and verify that nobody has altered it
      backup         Save everything that a host keeps to a file, while it serves
      restore        Make a data directory of a backup
      wit            Print the contract, or that of a component, as WIT
      help           Print this message or the help of the given subcommand(s)

    Options:
          --json            Print JSON for programs instead of text for people
          --data-dir <DIR>  The directory in which the host keeps everything [env: TROUPE_DATA_DIR=]
                            [default: .troupe]
          --host <URL>      The host to talk to [env: TROUPE_HOST=] [default: http://127.0.0.1:7070]
          --token <TOKEN>   The token to show; found in the data directory when absent [env:
                            TROUPE_TOKEN]
          --ca <FILE>       Whom to trust to sign the host's certificate, a PEM file; whom the system
                            trusts when absent [env: TROUPE_CA=]
      -h, --help            Print help
      -V, --version         Print version

    Examples:
      troupe dev                            build, deploy and serve every agent under plugins/
      troupe agents                         list agents
      troupe run echo echo --input '{"text":"hello"}'
      troupe swap echo@1.2.0                make another release serve
    "#);
}

#[tokio::test]
async fn the_help_of_run_shows_how_to_give_input() {
    assert_snapshot!(help(&["run", "--help"]).await, @r#"
    Ask an agent for a skill and wait for the answer

    Usage: troupe run [OPTIONS] <AGENT> <SKILL>

    Arguments:
      <AGENT>  The agent
      <SKILL>  The skill

    Options:
      -i, --input <JSON>           The input: JSON, `@FILE`, or `-` for standard input [default: {}]
          --json                   Print JSON for programs instead of text for people
          --data-dir <DIR>         The directory in which the host keeps everything [env:
                                   TROUPE_DATA_DIR=] [default: .troupe]
          --instance <ID>          The instance that it is for, by its id
          --host <URL>             The host to talk to [env: TROUPE_HOST=] [default:
                                   http://127.0.0.1:7070]
          --timeout <SECONDS>      How long the task may run, in seconds; the agent's own limit when
                                   absent
          --lifetime <SECONDS>     How long it may take in all, in seconds, what it is suspended
                                   included; as long as it may run when absent
          --token <TOKEN>          The token to show; found in the data directory when absent [env:
                                   TROUPE_TOKEN]
          --budget <PART=N,…>      The most that it may cost together with all that agents ask for below
                                   it: any of `tasks`, `compute_ms`, `sent_bytes` and `received_bytes`,
                                   such as `tasks=20,compute_ms=60000`
          --ca <FILE>              Whom to trust to sign the host's certificate, a PEM file; whom the
                                   system trusts when absent [env: TROUPE_CA=]
          --delay <TIME>           Begin after so long, such as `90s`, `8h` or `30d`; at once when
                                   absent
          --tries <N>              Try so often in all while it fails and says that another try may
                                   succeed: 2 to 20
          --pause <TIME>           The pause before the second try, such as `10s`, doubled for each
                                   further one up to five minutes; one second when absent
          --idempotency-key <KEY>  The same key with the same request gives the same task
          --affinity <KEY>         Tasks of one affinity run on one release while another is tried; who
                                   asks when absent
          --detach                 Print the accepted task and return without waiting for it
      -h, --help                   Print help

    Examples:
      troupe run aws inventory --input '{"regions":["us-east-1"]}'
      troupe run echo echo --input @input.json
      echo '{"text":"hello"}' | troupe run echo echo --input -
      troupe run reporting nightly --delay 8h --detach     begins in eight hours
      troupe run aws inventory --tries 5 --pause 10s       again after 10 s, 20 s and so on
      troupe --json run echo echo --input '{"text":"hello"}'

    Exit status: 0 completed, 1 failed, 130 interrupted (the task is cancelled).
    "#);
}

#[tokio::test]
async fn every_command_has_examples() {
    for command in [
        "dev",
        "serve",
        "build",
        "publish",
        "keygen",
        "sign",
        "trust",
        "run",
        "agents",
        "releases",
        "channels",
        "tasks",
        "groups",
        "approvals",
        "instances",
        "runtime",
        "replay",
        "rehearse",
        "swap",
        "policy",
        "canary",
        "promote",
        "rollback",
        "swaps",
        "release",
        "tenants",
        "keys",
        "wit",
    ] {
        let help = help(&[command, "--help"]).await;
        assert!(help.contains("Examples:\n  troupe ") || help.contains("Examples:\n  troupe"), "{help}");
    }
}

#[tokio::test]
async fn a_command_nobody_knows_is_an_error_of_use() {
    let said = run(PROGRAM, &std::env::temp_dir(), &["fly"]).await;
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("unrecognized subcommand 'fly'"), "{}", said.err);
}
