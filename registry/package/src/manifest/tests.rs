use serde_json::json;
use troupe_core::Effect;

use super::*;
use crate::Scheme;

const WHOLE: &str = r#"name = "aws"
version = "1.2.0"
summary = "Looks after AWS accounts"
goals = ["Answer what runs where"]

[configuration]
region = "eu-central-1"
since = 2026-01-02T03:04:05Z
day = 2026-01-02
ratio = 0.25
tags = ["a", { b = 1 }]

[[triggers]]
event = "com.example.instance.*"

[health]
skill = "ping"
every = "10s"

[state]
version = 2
reads = "1..=2"

[limits]
memory = "64 MiB"
time = "90s"
output = "1 MiB"

[capabilities.state]
bytes = "2 MiB"

[[capabilities.http]]
id = "ec2"
host = "ec2.*.amazonaws.com"
methods = ["POST"]
credential = "aws:default"
actions = ["ec2:Describe*"]

[[capabilities.http]]
id = "status"
host = "status.example.com"
scheme = "http"
port = 8080
path_prefix = "/v1/"
effect = "read"

[[capabilities.files]]
name = "reports"
access = "read-write"
bytes = "1 MiB"

[[capabilities.files]]
name = "inbox"

[[capabilities.locks]]
name = "accounts/*"
lease = "90s"
preempt = true

[[capabilities.agents]]
ask = "billing/in*"

[[capabilities.events]]
publish = "accounts.*.closed"
"#;

const MINIMAL: &str = "name = \"a\"\nversion = \"0.1.0\"\nsummary = \"Does it\"\n";

/// The refusal of a minimal manifest with `more` after it; `more` begins in line 4.
fn refusal(more: &str) -> String {
    let error = Manifest::parse(&format!("{MINIMAL}{more}")).unwrap_err();
    assert_eq!(error.code, Code::ManifestInvalid);
    error.message
}

#[test]
fn a_whole_manifest_reads_field_by_field() {
    let manifest = Manifest::parse(WHOLE).unwrap();
    assert_eq!(manifest.release().to_string(), "aws@1.2.0");
    assert_eq!(
        Value::Object(manifest.configuration.clone()),
        json!({
            "region": "eu-central-1", "since": "2026-01-02T03:04:05Z", "day": "2026-01-02",
            "ratio": 0.25, "tags": ["a", { "b": 1 }],
        })
    );
    assert_eq!((manifest.state.version, manifest.state.reads.to_string().as_str()), (2, "1..=2"));
    assert_eq!(manifest.limits.memory_bytes, Some(64 << 20));
    assert_eq!(manifest.limits.time_ms, Some(90_000));
    assert_eq!(manifest.limits.output_bytes, Some(1 << 20));
    let state = manifest.capabilities.state.unwrap();
    assert_eq!((state.bytes, state.keys), (2 << 20, troupe_core::limits::STATE_KEYS_MAX));
    let [ec2, status] = manifest.capabilities.http.as_slice() else { panic!("two requests") };
    assert_eq!(ec2.credential_kind(), Some("aws"));
    assert_eq!((ec2.scheme, ec2.port, ec2.path_prefix.as_str(), ec2.effect), (Scheme::Https, None, "/", None));
    assert_eq!(status.methods, ["GET", "HEAD"]);
    assert_eq!((status.scheme, status.port, status.effect), (Scheme::Http, Some(8080), Some(Effect::Read)));
    insta::assert_snapshot!(manifest.capabilities.grants().lines().split_off(3).join("\n"), @r"
    files reports: read and write, up to 1 MiB and 1000 files
    files inbox: read
    locks accounts/*: for up to 90000 ms at a time, also from holders of a lower priority
    agents billing/in*: may be asked
    events accounts.*.closed: may be published
    ");
}

#[test]
fn a_minimal_manifest_asks_for_nothing() {
    let manifest = Manifest::parse(MINIMAL).unwrap();
    assert_eq!(manifest.capabilities, Capabilities::default());
    assert_eq!(manifest.limits, AgentLimits::default());
    assert_eq!((manifest.state.version, manifest.state.reads.to_string().as_str()), (1, "1..=1"));
    assert_eq!(Manifest::parse(&format!("{MINIMAL}[state]\nversion = 3")).unwrap().state.reads.to_string(), "3..=3");
    let asked = Manifest::parse(&format!("{MINIMAL}[capabilities.state]")).unwrap();
    assert_eq!(asked.capabilities.state, Some(StateRequest::default()));
    let each = Manifest::parse(&format!("{MINIMAL}[capabilities.state]\ninstances = true")).unwrap();
    assert_eq!(each.capabilities.state, Some(StateRequest { instances: true, ..StateRequest::default() }));
    assert_eq!(Manifest::from_json(&each.to_json()).unwrap(), each);
    let leaves = Manifest::parse(&format!("{MINIMAL}[capabilities.artifacts]\nbytes = \"2 GiB\"")).unwrap();
    assert_eq!(leaves.capabilities.grants().lines(), ["artifacts: up to 2 GiB in 10 of each task"]);
    assert_eq!(Manifest::from_json(&leaves.to_json()).unwrap(), leaves);
}

#[test]
fn the_json_form_reads_back_and_is_one_text() {
    for toml in [WHOLE, MINIMAL] {
        let manifest = Manifest::parse(toml).unwrap();
        let again = Manifest::from_json(&manifest.to_json()).unwrap();
        assert_eq!(again, manifest);
        assert_eq!(again.to_json(), manifest.to_json());
    }
    insta::assert_snapshot!(String::from_utf8(Manifest::parse(WHOLE).unwrap().to_json()).unwrap(), @r#"{"capabilities":{"agents":[{"ask":"billing/in*"}],"events":[{"publish":"accounts.*.closed"}],"files":[{"access":"read-write","bytes":"1 MiB","files":1000,"name":"reports"},{"access":"read","bytes":"16 MiB","files":1000,"name":"inbox"}],"http":[{"actions":["ec2:Describe*"],"credential":"aws:default","host":"ec2.*.amazonaws.com","id":"ec2","methods":["POST"],"path_prefix":"/","scheme":"https"},{"effect":"read","host":"status.example.com","id":"status","methods":["GET","HEAD"],"path_prefix":"/v1/","port":8080,"scheme":"http"}],"locks":[{"lease":"90s","name":"accounts/*","preempt":true}],"state":{"bytes":"2 MiB","keys":100000}},"configuration":{"day":"2026-01-02","ratio":0.25,"region":"eu-central-1","since":"2026-01-02T03:04:05Z","tags":["a",{"b":1}]},"goals":["Answer what runs where"],"health":{"every":"10s","failures":3,"skill":"ping","timeout":"5s"},"limits":{"memory":"64 MiB","output":"1 MiB","time":"90s"},"name":"aws","state":{"reads":"1..=2","version":2},"summary":"Looks after AWS accounts","triggers":[{"event":"com.example.instance.*"}],"version":"1.2.0"}"#);
}

#[test]
fn refusals_name_line_and_field() {
    insta::assert_snapshot!(refusal("sumary = \"x\""), @"agent.toml line 4: unknown field `sumary`, expected one of `name`, `version`, `summary`, `goals`, `skills`, `triggers`, `configuration`, `health`, `state`, `limits`, `capabilities`");
    insta::assert_snapshot!(refusal("[limits]\nmemry = \"1 MiB\""), @"agent.toml line 5: unknown field `memry` in [limits], expected one of `memory`, `time`, `output`");
    insta::assert_snapshot!(refusal("\n[limits]\nmemory = 64"), @r#"agent.toml line 6: limits.memory: the plain number 64 has no unit, write it as text such as "64 MiB""#);
    insta::assert_snapshot!(refusal("[limits]\nmemory = \"1 GiB\""), @"agent.toml line 5: limits.memory: memory of 1 GiB is more than the host's maximum of 512 MiB");
    insta::assert_snapshot!(refusal("[limits]\n\ntime = \"2h\""), @"agent.toml line 6: limits.time: time of 2h is more than the host's maximum of 1h");
    insta::assert_snapshot!(refusal("[limits]\noutput = \"0 B\""), @"agent.toml line 5: limits.output: output must be more than nothing");
    insta::assert_snapshot!(refusal("[health]\nevery = \"10s\""), @"agent.toml line 4: health: missing field `skill`");
    insta::assert_snapshot!(refusal("[health]\nskill = \"a\"\nevery = \"5ms\""), @"agent.toml line 6: health.every: every 5ms is more often than the host checks; the least is 1s");
    insta::assert_snapshot!(refusal("[health]\nskill = \"a\"\ntimeout = \"2m\""), @"agent.toml line 6: health.timeout: timeout of 2m is more than the host's maximum of 1m");
    insta::assert_snapshot!(refusal("[health]\nskill = \"a\"\nfailures = 0"), @"agent.toml line 6: health.failures: failures is 1 to 100");
    insta::assert_snapshot!(refusal("[state]\nversion = 3\nreads = \"1..=2\""), @"agent.toml line 4: state: `reads` of 1..=2 does not contain `version` 3; an agent reads what it writes");
    insta::assert_snapshot!(refusal("[state]\nreads = \"2\""), @"agent.toml line 5: state.reads: `2` is not a range of versions such as `1..=2`, both ends in it");
    insta::assert_snapshot!(refusal("[capabilities.state]\nkeys = 0"), @"agent.toml line 5: capabilities.state.keys: 0 keys is not between 1 and the host's maximum of 100000");
    insta::assert_snapshot!(refusal("[capabilities.artifacts]\nbytes = \"17 GiB\""), @"agent.toml line 5: capabilities.artifacts.bytes: the artefacts of a task of 17 GiB is more than the host's maximum of 16 GiB");
    insta::assert_snapshot!(refusal("[capabilities.artifacts]\ncount = 101"), @"agent.toml line 5: capabilities.artifacts.count: `count` is 1 to 100; this one is 101");
    insta::assert_snapshot!(refusal("[capabilities.disk]"), @"agent.toml line 4: unknown field `disk` in [capabilities], expected one of `state`, `http`, `secrets`, `files`, `locks`, `agents`, `approvals`, `events`, `artifacts`");
    insta::assert_snapshot!(refusal("[[capabilities.events]]\npublish = \"a..b\""), @"agent.toml line 5: capabilities.events[0].publish: `a..b` is no pattern of topics; write a topic such as `aws.ec2.started`, with `*` for any one segment and `>` at the end for all that follow");
    insta::assert_snapshot!(refusal("[[capabilities.agents]]\nask = \"billing\""), @"agent.toml line 5: capabilities.agents[0].ask: `billing` names no skills of agents; write such as `billing/invoice`, or `billing/*`");
    insta::assert_snapshot!(refusal("[[capabilities.files]]\nname = \"a\"\npath = \"/srv\""), @"agent.toml line 6: unknown field `path` in [capabilities.files[0]], expected one of `name`, `access`, `bytes`, `files`");
    insta::assert_snapshot!(refusal("[[capabilities.locks]]\nname = \"a/*/b\""), @"agent.toml line 5: capabilities.locks[0].name: `a/*/b` names no locks; write a name such as `orders/17`, or `orders/*`");
    insta::assert_snapshot!(refusal("[[capabilities.locks]]\nname = \"a\"\nlease = \"2h\""), @"agent.toml line 6: capabilities.locks[0].lease: a lease of 2h is more than the host's maximum of 1h");
    insta::assert_snapshot!(refusal("[[capabilities.locks]]\nname = \"a\"\nlease = \"5ms\""), @"agent.toml line 6: capabilities.locks[0].lease: a lease of 5ms is less than 1s");
    insta::assert_snapshot!(refusal("[[capabilities.files]]\nname = \"../a\""), @"agent.toml line 5: capabilities.files[0].name: the name of a directory is 1 to 63 lower-case letters, digits and single hyphens, beginning with a letter");
    insta::assert_snapshot!(refusal("[[capabilities.files]]\nname = \"a\"\naccess = \"write\""), @"agent.toml line 6: capabilities.files[0].access: unknown variant `write`, expected `read` or `read-write`");
    insta::assert_snapshot!(refusal("[[capabilities.files]]\nname = \"a\"\nfiles = 0"), @"agent.toml line 6: capabilities.files[0].files: 0 files is not between 1 and the host's maximum of 100000");
    insta::assert_snapshot!(refusal("[[capabilities.files]]\nname = \"a\"\nbytes = \"1024 GiB\""), @"agent.toml line 6: capabilities.files[0].bytes: a directory of 1024 GiB is more than the host's maximum of 16 GiB");
    insta::assert_snapshot!(refusal("goals = [\n  \"one\",\n  \"two\\nlines\",\n]"), @"agent.toml line 6: goals[1]: must be one line");
    insta::assert_snapshot!(refusal("[[triggers]]\nevent = \"a.b\"\n[[triggers]]\nevent = \"*\""), @"agent.toml line 7: triggers[1].event: `*` is not an event type such as `com.example.instance.started`, or a pattern of them such as `com.example.instance.*` or `com.example.>`, at most 255 bytes long");
    insta::assert_snapshot!(refusal("[configuration]\na = 1\nb = [1.0, nan]"), @"agent.toml line 6: configuration.b[1]: a number must be finite");
    insta::assert_snapshot!(refusal("[configuration"), @"agent.toml line 4: unclosed table, expected `]`");
    insta::assert_snapshot!(refusal("\"\\u001B[2J\" = 1"), @r"agent.toml line 4: unknown field `\u{1b}[2J`, expected one of `name`, `version`, `summary`, `goals`, `skills`, `triggers`, `configuration`, `health`, `state`, `limits`, `capabilities`");
    insta::assert_snapshot!(Manifest::parse("name = \"a\"\nversion = \"1.2\"").unwrap_err().message, @"agent.toml line 2: version: `1.2` is not a semantic version such as `1.2.0` or `1.3.0-beta.1`: unexpected end of input while parsing minor version number");
    insta::assert_snapshot!(Manifest::parse("name = \"A\"").unwrap_err().message, @"agent.toml line 1: name: an agent name is 1 to 63 lower-case letters, digits and single hyphens, beginning with a letter");
    insta::assert_snapshot!(Manifest::parse("name = \"a\"\nversion = \"1.2.0\"").unwrap_err().message, @"agent.toml line 1: missing field `summary`");
}

#[test]
fn refusals_of_http_capabilities_name_the_one() {
    let http = |fields: &str| {
        refusal(&format!("[[capabilities.http]]\nid = \"a\"\nhost = \"a.b\"\n\n[[capabilities.http]]\n{fields}"))
    };
    insta::assert_snapshot!(http("id = \"b\""), @"agent.toml line 8: capabilities.http[1]: missing field `host`");
    insta::assert_snapshot!(http("id = \"a\"\nhost = \"a.b\""), @"agent.toml line 8: capabilities.http[1]: `a` stands in the list twice");
    insta::assert_snapshot!(http("id = \"b\"\nhost = \"*.com\""), @"agent.toml line 10: capabilities.http[1].host: `*.com` is not a host pattern: at least two labels stand after a `*`, such as `*.example.com`");
    insta::assert_snapshot!(http("id = \"b\"\nhost = \"a.b\"\nmethods = [\"GET\", \"get\"]"), @"agent.toml line 11: capabilities.http[1].methods[1]: `get` is not a method in upper case, such as `GET`");
    insta::assert_snapshot!(http("id = \"b\"\nhost = \"a.b\"\nmethods = []"), @"agent.toml line 11: capabilities.http[1].methods: an empty list allows nothing; leave it out for GET and HEAD");
    insta::assert_snapshot!(http("id = \"b\"\nhost = \"a.b\"\npath_prefix = \"/a/%2E%2e/\""), @"agent.toml line 11: capabilities.http[1].path_prefix: `/a/%2E%2e/` is not an absolute path such as `/v1/`, without query, `.` and `..` segments, `//`, and the escapes %2e, %2f and %5c, at most 1024 characters long");
    insta::assert_snapshot!(http("id = \"b\"\nhost = \"a.b\"\npath_prefix = \"/a/b*/c\""), @"agent.toml line 11: capabilities.http[1].path_prefix: `/a/b*/c` has a `*` inside a segment; a segment that is `*` alone stands for any one, and a star itself is written `%2A`");
    insta::assert_snapshot!(http("id = \"b\"\nhost = \"a.b\"\nactions = [\"ec2:Describe*\"]"), @"agent.toml line 8: capabilities.http[1]: `actions` are AWS actions and need a `credential` such as `aws:default`");
    insta::assert_snapshot!(http("id = \"b\"\nhost = \"a.b\"\ncredential = \"aws:default\""), @"agent.toml line 8: capabilities.http[1]: `credential` is of kind aws, so `actions` must list what it signs for, such as `ec2:Describe*`");
    insta::assert_snapshot!(http("id = \"b\"\nhost = \"a.b\"\ncredential = \"aws:d\"\nactions = [\"s3:*\", \"*:*\"]"), @"agent.toml line 12: capabilities.http[1].actions[1]: `*:*` is not an AWS action such as `s3:ListObjectsV2` or `ec2:Describe*`");
    insta::assert_snapshot!(http("id = \"b\"\nhost = \"a.b\"\ncredential = \"secret\""), @"agent.toml line 11: capabilities.http[1].credential: `secret` is not a credential's KIND:NAME in lower case, such as `aws:default`");
    insta::assert_snapshot!(http("id = \"b\"\nhost = \"a.b\"\nport = 0"), @"agent.toml line 11: capabilities.http[1].port: a port is 1 to 65535");
    insta::assert_snapshot!(http("id = \"b\"\nhost = \"a.b\"\nscheme = \"ftp\""), @"agent.toml line 11: capabilities.http[1].scheme: unknown variant `ftp`, expected `https` or `http`");
    insta::assert_snapshot!(http("id = \"b\"\nhost = \"a.b\"\nlimits = {}"), @"agent.toml line 11: unknown field `limits` in [capabilities.http[1]], expected one of `id`, `scheme`, `host`, `port`, `methods`, `path_prefix`, `credential`, `actions`, `effect`, `private`, `budget`, `redirects`, `retries`");
    insta::assert_snapshot!(http("id = \"b\"\nhost = \"a.b\"\nbudget = { requests_per_minute = 0 }"), @"agent.toml line 11: capabilities.http[1].budget.requests_per_minute: 0 requests a minute are not between 1 and 1000000");
    insta::assert_snapshot!(http("id = \"b\"\nhost = \"a.b\"\nredirects = 4"), @"agent.toml line 11: capabilities.http[1].redirects: 4 redirects are more than 3, the most there are");
}

#[test]
fn sizes_and_counts_are_bounded() {
    assert!(refusal(&format!("# {}", "x".repeat(MANIFEST_BYTES_MAX))).contains("the limit is 65536"));
    let goals: Vec<_> = (0..21).map(|n| format!("\"g{n}\"")).collect();
    assert!(refusal(&format!("goals = [{}]", goals.join(","))).contains("longer than the limit of 20"));
    let long = format!("name = \"a\"\nversion = \"0.1.0\"\nsummary = \"{}\"", "x".repeat(201));
    assert!(Manifest::parse(&long).unwrap_err().message.contains("201 characters"));
    let floats = format!("[configuration]\na = [{}]", "1e15,".repeat(5_000));
    assert!(refusal(&floats).contains("as JSON"));
}
