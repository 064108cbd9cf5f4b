use proptest::prelude::*;

use super::*;

fn http(toml_like: serde_json::Value) -> HttpGrant {
    serde_json::from_value(toml_like).unwrap()
}

fn ec2(actions: &[&str]) -> HttpGrant {
    http(serde_json::json!({
        "id": "ec2", "host": "ec2.*.amazonaws.com", "methods": ["POST"], "credential": "aws:default",
        "actions": actions,
    }))
}

fn granting(http: Vec<HttpGrant>) -> Grants {
    Grants { http, ..Grants::default() }
}

fn an_http_grant() -> impl Strategy<Value = HttpGrant> {
    let one_of = |texts: &'static [&'static str]| proptest::sample::select(texts);
    let actions = proptest::sample::subsequence(vec!["ec2:*", "ec2:Describe*", "ec2:DescribeInstances", "s3:*"], 1..4);
    (
        one_of(&["a", "b"]),
        one_of(&["*.b.example", "a.b.example", "c.b.example", "a.*.x.example"]),
        proptest::option::of(one_of(&["443", "8443"])),
        proptest::sample::subsequence(vec!["GET", "POST", "DELETE"], 1..4),
        one_of(&["/", "/v1/", "/v1/x", "/v2", "/*/x", "/v1/*/y", "/*"]),
        proptest::option::of(actions),
        proptest::option::of(one_of(&["read", "write", "destructive"])),
        any::<bool>(),
        (a_budget(), 0..4_u8, 0..4_u8),
    )
        .prop_map(
            |(id, host, port, methods, path_prefix, actions, effect, private, (budget, redirects, retries))| {
                let mut grant = serde_json::json!({
                    "id": id, "host": host, "methods": methods, "path_prefix": path_prefix, "private": private,
                    "budget": budget, "redirects": redirects, "retries": retries,
                });
                if let Some(port) = port {
                    grant["port"] = port.parse::<u16>().unwrap().into();
                }
                if let Some(effect) = effect {
                    grant["effect"] = effect.into();
                }
                if let Some(actions) = actions {
                    grant["credential"] = "aws:default".into();
                    grant["actions"] = actions.into();
                }
                http(grant)
            },
        )
}

fn a_budget() -> impl Strategy<Value = HttpBudget> {
    let small = || proptest::option::of(1..4_u32);
    (small(), small(), small()).prop_map(|(requests_per_minute, concurrent, kib)| HttpBudget {
        requests_per_minute,
        concurrent,
        bytes_per_minute: kib.map(|kib| u64::from(kib) * 1024),
    })
}

fn a_secret_grant() -> impl Strategy<Value = SecretGrant> {
    let one_of = |texts: &'static [&'static str]| proptest::sample::select(texts);
    (
        one_of(&["wiki", "chat"]),
        one_of(&["https", "http"]),
        one_of(&["*.b.example", "a.b.example", "a.*.x.example"]),
        proptest::option::of(proptest::sample::select(&[80_u16, 443, 8443][..])),
        one_of(&["/", "/v1/", "/v1/x", "/%761/", "/v1/*/y", "/*/x"]),
    )
        .prop_map(|(name, scheme, host, port, path_prefix)| {
            let grant = serde_json::json!({
                "name": name, "scheme": scheme, "host": host, "port": port, "path_prefix": path_prefix,
            });
            let grant = grant.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
            let grant: serde_json::Map<_, _> = grant.map(|(name, value)| (name.clone(), value.clone())).collect();
            serde_json::from_value(grant.into()).unwrap()
        })
}

/// A list of directories, each name once.
fn directories() -> impl Strategy<Value = Vec<FilesGrant>> {
    let place =
        || proptest::sample::select(vec![Place::Own, Place::Anywhere, Place::At("/a".into()), Place::At("/b".into())]);
    let one = move |name: &'static str| {
        (any::<bool>(), 0..3u64, 0..3u64, place()).prop_map(move |(writes, bytes, files, path)| {
            let access = if writes { Access::ReadWrite } else { Access::Read };
            FilesGrant { name: name.to_owned(), access, bytes, files, path }
        })
    };
    (proptest::option::of(one("in")), proptest::option::of(one("out")))
        .prop_map(|(one, two)| one.into_iter().chain(two).collect())
}

fn some_locks() -> impl Strategy<Value = Vec<LockGrant>> {
    let names = || proptest::sample::select(&["*", "orders/*", "orders/1*", "orders/1", "tables/a"][..]);
    let one = (names(), 1_000..1_003_u64, any::<bool>());
    let one = one.prop_map(|(name, lease_ms, preempt)| LockGrant { name: name.parse().unwrap(), lease_ms, preempt });
    proptest::collection::vec(one, 0..4)
}

fn some_agents() -> impl Strategy<Value = Vec<AgentGrant>> {
    let patterns = proptest::sample::select(&["*/*", "a/*", "*/x", "a/x", "a*/x*", "b/y"][..]);
    proptest::collection::vec(patterns.prop_map(|ask| AgentGrant { ask: ask.parse().unwrap() }), 0..4)
}

fn some_events() -> impl Strategy<Value = Vec<EventGrant>> {
    let patterns = proptest::sample::select(&[">", "a.>", "*.b", "a.*", "a.b", "a.*.c", "*"][..]);
    proptest::collection::vec(patterns.prop_map(|publish| EventGrant { publish: publish.parse().unwrap() }), 0..4)
}

fn grants() -> impl Strategy<Value = Grants> {
    let state = proptest::option::of((0..4u64, 0..4u64, any::<bool>()))
        .prop_map(|state| state.map(|(bytes, keys, instances)| StateGrant { bytes, keys, instances }));
    let http = proptest::collection::vec(an_http_grant(), 0..4);
    let secrets = proptest::collection::vec(a_secret_grant(), 0..4);
    let approvals = proptest::option::of((1..4u32).prop_map(|open| ApprovalsGrant { open }));
    let both = (1..4u64, 1..4u32).prop_map(|(bytes, count)| ArtifactsGrant { bytes, count });
    let artifacts = proptest::option::of(both);
    let all = (state, http, secrets, directories(), some_locks(), some_agents(), some_events(), approvals, artifacts);
    all.prop_map(|(state, http, secrets, files, locks, agents, events, approvals, artifacts)| Grants {
        state,
        http,
        secrets,
        files,
        locks,
        agents,
        approvals,
        events,
        artifacts,
    })
}

fn same(a: &Grants, b: &Grants) -> bool {
    !a.is_wider_than(b) && !b.is_wider_than(a)
}

proptest! {
    #[test]
    fn an_intersection_is_never_wider_than_either_key(a in grants(), b in grants()) {
        let both = a.intersect(&b);
        prop_assert!(!both.is_wider_than(&a) && !both.is_wider_than(&b));
        prop_assert_eq!(&both, &b.intersect(&a));
        prop_assert!(same(&both.intersect(&a), &both));
        prop_assert!(same(&a.intersect(&a), &a));
    }

    #[test]
    fn a_call_is_allowed_by_the_intersection_where_both_keys_allow_it(a in grants(), b in grants()) {
        let both = a.intersect(&b);
        for host in ["a.b.example", "c.b.example", "a.b.x.example"] {
            for (method, path, port) in [("GET", "/v1/x/y", 443), ("POST", "/v1/x", 8443), ("DELETE", "/v2", 443)] {
                let allows = |grants: &Grants| grants.http.iter().any(|grant| {
                    grant.credential.is_none() && grant.leads_to(true, host, port) && grant.admits_method(method)
                        && grant.admits_path(path)
                });
                prop_assert_eq!(allows(&both), allows(&a) && allows(&b));
            }
        }
    }

    #[test]
    fn a_secret_goes_where_both_keys_let_it_go(a in grants(), b in grants()) {
        let both = a.intersect(&b);
        for (tls, host, port) in [(true, "a.b.example", 443), (false, "a.b.example", 8443), (true, "a.b.x.example", 443)] {
            for (name, path) in [("wiki", "/v1/x/y"), ("chat", "/v1/"), ("wiki", "/")] {
                let allows = |grants: &Grants| {
                    grants.secrets.iter().any(|grant| grant.name == name && grant.leads_to(tls, host, port, path))
                };
                prop_assert_eq!(allows(&both), allows(&a) && allows(&b));
            }
        }
    }

    #[test]
    fn a_skill_is_asked_for_where_both_keys_name_it(a in grants(), b in grants()) {
        let both = a.intersect(&b);
        for (agent, skill) in [("a", "x"), ("a", "y"), ("ab", "xy"), ("b", "y"), ("b", "x")] {
            let allows = |grants: &Grants| grants.agents.iter().any(|grant| grant.admits(agent, skill));
            prop_assert_eq!(allows(&both), allows(&a) && allows(&b));
        }
    }

    #[test]
    fn an_event_is_published_where_both_keys_name_its_topic(a in grants(), b in grants()) {
        let both = a.intersect(&b);
        for topic in ["a", "a.b", "a.c", "b.b", "a.b.c", "a.b.d"] {
            let topic = topic.parse().unwrap();
            let allows = |grants: &Grants| grants.events.iter().any(|grant| grant.admits(&topic));
            prop_assert_eq!(allows(&both), allows(&a) && allows(&b));
        }
    }

    #[test]
    fn a_lock_is_taken_as_both_keys_let_it_be_taken(a in grants(), b in grants()) {
        let both = a.intersect(&b);
        for name in ["orders/1", "orders/17", "orders/2", "tables/a", "x"] {
            let name = name.parse().unwrap();
            for (lease_ms, preempt) in [(1_000, false), (1_001, true), (1_002, false), (1_002, true)] {
                let allows = |grants: &Grants| {
                    let mut locks = grants.locks.iter().filter(|grant| grant.admits(&name));
                    locks.any(|grant| grant.lease_ms >= lease_ms && (grant.preempt || !preempt))
                };
                prop_assert_eq!(allows(&both), allows(&a) && allows(&b));
            }
        }
    }

    #[test]
    fn what_is_narrower_reaches_no_further_into_the_machine(mut a in grants(), b in grants()) {
        // Of what is anybody's to name, each name reaches further.
        a.files.retain(|grant| grant.path != Place::Anywhere);
        prop_assert_eq!(a.intersect(&b).reaches_beyond(&a), None);
        prop_assert_eq!(a.reaches_beyond(&a), None);
    }

    #[test]
    fn a_line_in_force_draws_on_the_budget_of_either_key(a in an_http_grant(), b in an_http_grant(), c in an_http_grant()) {
        let Some(both) = a.intersect(&b) else { return Ok(()) };
        let (drawn, whole) = (both.budgets(), HttpBudget::default());
        for key in [&a, &b] {
            prop_assert!(key.budgets().iter().all(|budget| drawn.contains(budget)));
        }
        prop_assert_eq!(drawn.iter().fold(whole, |all, line| all.intersect(&line.budget)), both.budget);
        // However often it is cut, it draws on what it drew on.
        let Some(cut) = both.intersect(&c) else { return Ok(()) };
        prop_assert!(drawn.iter().all(|budget| cut.budgets().contains(budget)));
        prop_assert!(cut.redirects <= both.redirects && cut.retries <= both.retries);
    }

    #[test]
    fn nothing_is_granted_by_default(a in grants()) {
        prop_assert_eq!(Grants::default().intersect(&a), Grants::default());
        prop_assert!(!Grants::default().is_wider_than(&a));
    }

    #[test]
    fn the_lines_of_a_set_make_up_the_set(a in grants(), b in grants()) {
        let together = a.keys().iter().fold(Grants::default(), |all, key| all.with(&a.only(key)));
        prop_assert!(same(&together, &a));
        for key in a.keys() {
            prop_assert!(!a.without(&key).keys().contains(&key));
            prop_assert!(same(&a.without(&key).with(&a.only(&key)), &a));
            prop_assert_eq!(&key.to_string().parse::<GrantKey>().unwrap(), &key);
        }
        prop_assert!(!b.is_wider_than(&a.with(&b)));
    }

    #[test]
    fn a_comparison_tells_exactly_what_widens_and_what_narrows(a in grants(), b in grants()) {
        let changes = compare(&a, &b);
        prop_assert_eq!(changes.iter().any(|(_, change)| change.widens()), b.is_wider_than(&a));
        prop_assert_eq!(changes.iter().any(|(_, change)| change.narrows()), a.is_wider_than(&b));
        prop_assert!(compare(&a, &a).iter().all(|(_, change)| *change == Change::Same));
    }

    #[test]
    fn grants_read_back_as_they_are_written(a in grants()) {
        let text = serde_json::to_string(&a).unwrap();
        prop_assert_eq!(serde_json::from_str::<Grants>(&text).unwrap(), a);
    }
}

#[test]
fn only_the_operator_says_where_a_directory_is() {
    let directory = |access: &str, path: Option<&str>| {
        let mut grant = serde_json::json!({ "name": "out", "access": access, "bytes": 100, "files": 3 });
        if let Some(path) = path {
            grant["path"] = path.into();
        }
        Grants { files: vec![serde_json::from_value(grant).unwrap()], ..Grants::default() }
    };
    let asked = directory("read-write", Some("*"));
    let own = directory("read-write", None);
    let at = directory("read", Some("/srv/out"));
    assert_eq!(asked.intersect(&own), own);
    assert_eq!(asked.intersect(&at), at);
    assert_eq!(own.intersect(&at), Grants::default(), "two places are no place");
    assert!(at.is_wider_than(&own) && own.is_wider_than(&at) && asked.is_wider_than(&own));
    assert!(own.is_wider_than(&directory("read", None)) && !directory("read", None).is_wider_than(&own));
}

#[test]
fn a_directory_is_named_once_by_a_plain_name_and_lies_at_an_absolute_path() {
    let read = |json: serde_json::Value| serde_json::from_value::<Grants>(json).map_err(|error| error.to_string());
    let one = |name: &str, path: &str| read(serde_json::json!({ "files": [{ "name": name, "path": path }] }));
    assert!(one("out", "/srv/out").is_ok());
    for path in ["", "srv", "/", "//srv", "/srv/", "/srv/../etc", "/srv/./a", "/srv/a\u{0}b", "~"] {
        assert!(one("out", path).unwrap_err().contains("an absolute path"), "{path}");
    }
    for name in ["", "Out", "a/b", "..", "a--b", "a\\b"] {
        assert!(one(name, "/srv/out").unwrap_err().contains("the name of a directory"), "{name}");
    }
    let twice = read(serde_json::json!({ "files": [{ "name": "out" }, { "name": "out" }] }));
    assert!(twice.unwrap_err().contains("stands in the list twice"));
}

#[test]
fn a_line_of_locks_names_some_and_has_a_lease_that_ends() {
    let read = |grant: serde_json::Value| {
        serde_json::from_value::<Grants>(serde_json::json!({ "locks": [grant] })).map_err(|error| error.to_string())
    };
    assert!(read(serde_json::json!({ "name": "a/*" })).is_ok());
    for (wrong, why) in [
        (serde_json::json!({ "name": "a*b" }), "`a*b` names no locks"),
        (
            serde_json::json!({ "name": "a", "lease_ms": 999 }),
            "a lease is 1000 to 3600000 milliseconds; this one is 999",
        ),
        (serde_json::json!({ "name": "a", "lease_ms": 3_600_001 }), "this one is 3600001"),
        (serde_json::json!({ "name": "a", "lease": 1 }), "unknown field `lease`"),
    ] {
        let said = read(wrong).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
    let many = vec![serde_json::json!({ "name": "a" }); 33];
    assert!(serde_json::from_value::<Grants>(serde_json::json!({ "locks": many })).is_err());
}

#[test]
fn both_keys_must_turn_for_an_action() {
    let asked = granting(vec![ec2(&["ec2:*"])]);
    let given = granting(vec![ec2(&["ec2:Describe*", "ec2:StartInstances"])]);
    let both = asked.intersect(&given);
    assert!(both.http[0].admits_action("ec2", "DescribeInstances"));
    assert!(!both.http[0].admits_action("ec2", "TerminateInstances"));
    assert!(asked.is_wider_than(&given) && !given.is_wider_than(&asked));
}

#[test]
fn two_grants_together_cover_what_neither_does_alone() {
    let get = http(serde_json::json!({ "id": "a", "host": "a.b", "methods": ["GET"] }));
    let post = http(serde_json::json!({ "id": "b", "host": "a.b", "methods": ["POST"] }));
    let either = http(serde_json::json!({ "id": "c", "host": "a.b", "methods": ["GET", "POST"] }));
    assert!(!granting(vec![either.clone()]).is_wider_than(&granting(vec![get.clone(), post])));
    assert!(granting(vec![either]).is_wider_than(&granting(vec![get])));
}

#[test]
fn claiming_a_lower_effect_is_asking_for_more() {
    let plain = http(serde_json::json!({ "id": "a", "host": "a.b", "methods": ["POST"] }));
    let claims_to_read = HttpGrant { effect: Some(crate::Effect::Read), ..plain.clone() };
    let (plain, claiming) = (granting(vec![plain]), granting(vec![claims_to_read]));
    assert!(claiming.is_wider_than(&plain) && !plain.is_wider_than(&claiming));
    assert_eq!(claiming.intersect(&plain).http[0].effect_of("POST"), crate::Effect::Write);
}

#[test]
fn a_manifest_that_splits_a_line_draws_on_the_operator_s_one_budget() {
    let line = |id: &str, method: &str| {
        http(serde_json::json!({ "id": id, "host": "a.b", "methods": [method], "budget": { "concurrent": 9 } }))
    };
    let operator = http(serde_json::json!({
        "id": "wiki", "host": "a.b", "methods": ["GET", "HEAD"], "budget": { "requests_per_minute": 5 },
    }));
    let asked = granting(vec![line("a", "GET"), line("b", "HEAD")]);
    let both = asked.intersect(&granting(vec![operator.clone()]));
    assert_eq!(both.http.len(), 2);
    for line in &both.http {
        assert!(line.budgets().contains(&operator.budgets()[0]), "{line:?}");
        assert_eq!(line.budgets().len(), 2);
    }
}

#[test]
fn a_budget_is_of_whole_numbers_within_what_a_host_can_do() {
    let read = |budget: serde_json::Value| {
        let grant = serde_json::json!({ "id": "a", "host": "a.b", "budget": budget });
        serde_json::from_value::<HttpGrant>(grant).map_err(|error| error.to_string())
    };
    assert!(read(serde_json::json!({})).unwrap().budget.is_empty());
    // As many at once as a tenant may have is no bound of the line's own.
    assert!(read(serde_json::json!({ "concurrent": 64 })).unwrap().budget.is_empty());
    for (wrong, why) in [
        (serde_json::json!({ "requests_per_minute": 0 }), "0 requests a minute are not between 1 and 1000000"),
        (serde_json::json!({ "concurrent": 65 }), "65 requests at once are not between 1 and 64"),
        (serde_json::json!({ "bytes_per_minute": 10 }), "10 bytes a minute are not between 1024 and"),
        (serde_json::json!({ "per_second": 1 }), "unknown field `per_second`"),
    ] {
        let said = read(wrong).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
    for field in ["redirects", "retries"] {
        let mut grant = serde_json::json!({ "id": "a", "host": "a.b" });
        grant[field] = 4.into();
        let said = serde_json::from_value::<HttpGrant>(grant).unwrap_err().to_string();
        assert!(said.contains(&format!("4 {field} are more than 3")), "{said}");
    }
}

#[test]
fn the_scheme_s_port_is_one_meaning_however_it_is_written() {
    let written = http(serde_json::json!({ "id": "a", "host": "a.b", "port": 443 }));
    let absent = http(serde_json::json!({ "id": "a", "host": "a.b" }));
    assert_eq!(written, absent);
    assert!(written.leads_to(true, "A.B", 443));
    assert!(!written.leads_to(false, "a.b", 443) && !written.leads_to(true, "a.b", 80));
}

#[test]
fn an_operator_reads_one_line_for_each_grant() {
    let local = http(serde_json::json!({
        "id": "wiki", "scheme": "http", "host": "::1", "port": 8080, "path_prefix": "/api", "effect": "read",
        "private": true, "budget": { "requests_per_minute": 60, "concurrent": 2, "bytes_per_minute": 10 << 20 },
        "redirects": 1, "retries": 3,
    }));
    let files: Vec<FilesGrant> = serde_json::from_value(serde_json::json!([
        { "name": "in", "path": "/srv/in" },
        { "name": "out", "access": "read-write", "bytes": 1 << 20, "files": 10 },
    ]))
    .unwrap();
    let secret = serde_json::json!({ "name": "wiki", "host": "*.example.com", "path_prefix": "/api/" });
    let grants = Grants {
        state: Some(StateGrant { bytes: 1024, keys: 2, instances: true }),
        http: vec![ec2(&["ec2:Describe*"]), local],
        secrets: vec![serde_json::from_value(secret).unwrap()],
        files,
        locks: serde_json::from_value(serde_json::json!([
            { "name": "orders/*" },
            { "name": "tables/a", "lease_ms": 5_000, "preempt": true },
        ]))
        .unwrap(),
        agents: serde_json::from_value(serde_json::json!([{ "ask": "billing/*" }])).unwrap(),
        approvals: Some(ApprovalsGrant { open: 3 }),
        events: serde_json::from_value(serde_json::json!([{ "publish": "billing.>" }])).unwrap(),
        artifacts: Some(ArtifactsGrant { bytes: 1 << 30, count: 3 }),
    };
    insta::assert_snapshot!(grants.lines().join("\n"), @r"
    state: up to 1 KiB and 2 keys, and as much for each instance
    http ec2: POST https://ec2.*.amazonaws.com/* as aws:default for ec2:Describe*
    http wiki: GET, HEAD http://[::1]:8080/api[/*], each call a read, also in the private network, at most 60 requests a minute and 2 at once and 10 MiB a minute, redirected up to once, tried again up to 3 times
    secret wiki: to https://*.example.com/api/*
    files in: read, in /srv/in
    files out: read and write, up to 1 MiB and 10 files
    locks orders/*: for up to 3600000 ms at a time
    locks tables/a: for up to 5000 ms at a time, also from holders of a lower priority
    agents billing/*: may be asked
    events billing.>: may be published
    approvals: may be asked for, up to 3 undecided at once
    artifacts: up to 1 GiB in 3 of each task
    ");
}

#[test]
fn keys_for_instances_are_granted_where_both_keys_say_so_and_are_more_than_none() {
    let state = |document: serde_json::Value| {
        serde_json::from_value::<Grants>(serde_json::json!({ "state": document })).unwrap()
    };
    // What was granted before there were any grants none.
    let without = state(serde_json::json!({ "bytes": 1, "keys": 1 }));
    let with = state(serde_json::json!({ "bytes": 1, "keys": 1, "instances": true }));
    assert_eq!(with.intersect(&without), without);
    assert!(with.is_wider_than(&without) && !without.is_wider_than(&with));
    assert_eq!(serde_json::to_value(&without).unwrap(), serde_json::json!({ "state": { "bytes": 1, "keys": 1 } }));
}

#[test]
fn a_comparison_goes_by_meaning_and_not_by_name() {
    let named = |id: &str, methods: &[&str]| http(serde_json::json!({ "id": id, "host": "a.b", "methods": methods }));
    let told = |before: Vec<HttpGrant>, after: Vec<HttpGrant>| {
        let changes = compare(&granting(before), &granting(after));
        changes.iter().map(|(key, change)| format!("{key} {change:?}")).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(told(vec![named("a", &["GET"])], vec![named("b", &["GET"])]), "http/a Same, http/b Same");
    assert_eq!(told(vec![named("a", &["GET"])], vec![named("a", &["GET", "PUT"])]), "http/a Wider");
    assert_eq!(told(vec![named("a", &["GET"])], vec![named("a", &["PUT"])]), "http/a Other");
    assert_eq!(told(vec![named("a", &["GET"])], Vec::new()), "http/a Narrower");
}

#[test]
fn a_line_into_the_machine_is_told_from_those_that_a_tenant_has_to_itself() {
    let read = |grants: serde_json::Value| serde_json::from_value::<Grants>(grants).unwrap();
    let beyond = |after: serde_json::Value, before: serde_json::Value| {
        read(after).reaches_beyond(&read(before)).map(|key| key.to_string())
    };
    let own = serde_json::json!({
        "state": { "bytes": 10, "keys": 1 },
        "http": [{ "id": "public", "host": "*.example.com" }],
        "files": [{ "name": "work" }, { "name": "in", "path": "*" }],
    });
    assert_eq!(beyond(own.clone(), serde_json::json!({})), None);
    let inside = serde_json::json!({ "http": [{ "id": "lan", "host": "db.example.com", "private": true }] });
    let address = serde_json::json!({ "http": [{ "id": "imds", "host": "169.254.169.254", "scheme": "http" }] });
    let place = serde_json::json!({ "files": [{ "name": "in", "path": "/srv/in" }] });
    for (line, named) in [(&inside, "http/lan"), (&address, "http/imds"), (&place, "files/in")] {
        // A directory that is anybody's to name is no leave to name one of the machine.
        assert_eq!(beyond(line.clone(), own.clone()).as_deref(), Some(named));
        assert_eq!(beyond(line.clone(), line.clone()), None);
    }
    let writable = serde_json::json!({ "files": [{ "name": "in", "path": "/srv/in", "access": "read-write" }] });
    assert_eq!(beyond(writable.clone(), place.clone()).as_deref(), Some("files/in"));
    assert_eq!(beyond(place, writable), None);
}
