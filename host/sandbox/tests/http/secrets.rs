//! Credentials go out and do not come in.

use std::sync::Arc;

use serde_json::{Value, json};
use troupe_core::limits;
use troupe_sandbox::{Call, JournalRow, Matching, Record, Recording, Then};

use super::support::{BEARER, Bench, SECRET_KEY, SESSION_TOKEN, http_rows, sentence};

fn ec2() -> Value {
    json!([{
        "id": "ec2", "host": "ec2.us-east-1.amazonaws.com", "methods": ["POST"], "credential": "aws:default",
        "actions": ["ec2:Describe*"],
    }])
}

fn describe() -> Value {
    json!({
        "method": "POST", "authority": "ec2.us-east-1.amazonaws.com", "path": "/", "body": "Action=DescribeInstances",
        "headers": [["content-type", "application/x-www-form-urlencoded"]],
    })
}

/// The hash that the guest searches by.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn pieces(text: &str) -> Vec<String> {
    text.as_bytes()
        .windows(8)
        .map(|piece| format!("{:016x}", mix(u64::from_be_bytes(piece.try_into().unwrap()))))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_echoes_the_request_gives_no_secret_away() {
    let bench = Bench::new().await;
    let answer = bench.one(ec2(), describe()).await;
    let [sent] = bench.server.requests().try_into().unwrap();
    assert!(sent.contains(SESSION_TOKEN), "the token goes out");
    let signature = sent.split("Signature=").nth(1).unwrap().split("\r\n").next().unwrap();
    let seen = answer.to_string();
    assert!(seen.contains("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE"), "the echo came back: {seen}");
    for secret in [SECRET_KEY, SESSION_TOKEN, signature] {
        assert!(!seen.contains(secret), "{seen}");
    }
    let length: usize = header(&answer, "content-length").parse().unwrap();
    assert_eq!(answer["body_bytes"], length);
}

fn header(answer: &Value, name: &str) -> String {
    let headers = answer["headers"].as_array().unwrap();
    headers.iter().find(|header| header[0] == name).unwrap()[1].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_searches_its_own_memory_finds_no_piece_of_a_secret() {
    let bench = Bench::new().await;
    let known = "Action=DescribeInstances";
    let mut hashes = pieces(SECRET_KEY);
    hashes.extend(pieces(SESSION_TOKEN));
    let search = async |hashes: Vec<String>| {
        let input = json!({ "requests": [describe()], "pieces": hashes });
        let outcome = bench.outcome(ec2(), "fetch", input).await;
        serde_json::from_str::<Value>(&outcome.result.unwrap()).unwrap()
    };
    let output = search(hashes).await;
    assert_eq!((&output["found"], &output["answers"][0]["status"]), (&json!(0), &json!(200)));
    // The search finds what is there.
    let control = pieces(known);
    let all = control.len();
    assert_eq!(search(control).await["found"], all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_goes_out_as_a_header_and_is_scrubbed_from_the_echo() {
    let bench = Bench::new().await;
    let grants = json!([{ "id": "wiki", "host": "api.example.com", "credential": "token:wiki" }]);
    let answer = bench.one(grants.clone(), json!({ "authority": "api.example.com", "path": "/" })).await;
    let [sent] = bench.server.requests().try_into().unwrap();
    assert!(sent.contains(&format!("authorization: Bearer {BEARER}\r\n")), "{sent}");
    let seen = answer.to_string();
    assert!(seen.contains("Bearer [redacted]") && !seen.contains(BEARER), "{seen}");
    let hidden = bench.one(grants, json!({ "authority": "api.example.com", "path": "/encoded" })).await;
    assert!(sentence(&hidden).contains("is compressed"), "{hidden}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_chooses_among_the_credentials_that_are_granted_and_no_other() {
    let bench = Bench::new().await;
    let grants = json!([
        { "id": "open", "host": "api.example.com" },
        { "id": "wiki", "host": "api.example.com", "credential": "token:wiki" },
        { "id": "gone", "host": "api.example.com", "credential": "token:gone" },
    ]);
    let ask = |name: Option<&str>| {
        let headers = name.map_or(json!([]), |name| json!([["troupe-credential", name]]));
        json!({ "authority": "api.example.com", "path": "/", "headers": headers })
    };
    let unclear = sentence(&bench.one(grants.clone(), ask(None)).await);
    assert!(unclear.contains("name one in `troupe-credential`: none, token:gone, token:wiki"), "{unclear}");
    assert_eq!(bench.one(grants.clone(), ask(Some("token:wiki"))).await["status"], 200);
    assert_eq!(bench.one(grants.clone(), ask(Some("none"))).await["status"], 200);
    let [with, without] = bench.server.requests().try_into().unwrap();
    assert!(with.contains(BEARER) && !without.contains("authorization"), "{without}");
    let missing = sentence(&bench.one(grants.clone(), ask(Some("token:gone"))).await);
    assert!(missing.contains("the operator has set up no credential `token:gone`"), "{missing}");
    let other = sentence(&bench.one(grants, ask(Some("aws:default"))).await);
    assert!(other.contains("goes with the credential `aws:default`"), "{other}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_holds_no_secret() {
    let bench = Bench::new().await;
    let outcome = bench.outcome(ec2(), "fetch", json!({ "requests": [describe()] })).await;
    assert_eq!(http_rows(&outcome.rows).len(), 1);
    let row = format!(
        "{}{}",
        String::from_utf8_lossy(&outcome.rows[0].call),
        String::from_utf8_lossy(&outcome.rows[0].answer)
    );
    assert!(row.contains("ec2:DescribeInstances") && row.contains("aws:default"), "{row}");
    assert!(!row.contains(SECRET_KEY) && !row.contains(SESSION_TOKEN), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_found_where_an_answer_begins_to_stream() {
    let bench = Bench::new().await;
    let grants = json!([{ "id": "wiki", "host": "api.example.com", "credential": "token:wiki" }]);
    let kept = limits::HTTP_KEPT_BODY_BYTES_MAX;
    for at in [10, kept - BEARER.len(), kept - 7, kept - 1, kept, kept + 64 * 1024 - 3] {
        let request = json!({ "authority": "api.example.com", "path": format!("/secret/{at}") });
        let answer = bench.one(grants.clone(), request).await;
        assert_eq!(answer["body_bytes"], at + "[redacted]".len() + (1 << 20), "{at}");
        assert!(!answer["headers"].to_string().contains("content-length"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_cannot_be_asked_for_in_ranges_that_cut_a_secret() {
    let bench = Bench::new().await;
    let grants = json!([
        { "id": "wiki", "host": "api.example.com", "credential": "token:wiki" },
        { "id": "open", "host": "api.example.com", "path_prefix": "/open/" },
    ]);
    let ask = |credential: &str, path: &str| {
        let headers = json!([["range", "bytes=0-9"], ["troupe-credential", credential]]);
        json!({ "authority": "api.example.com", "path": path, "headers": headers })
    };
    let refused = sentence(&bench.one(grants.clone(), ask("token:wiki", "/")).await);
    assert!(refused.starts_with("denied.header: an agent may not set the header `range` here"), "{refused}");
    assert_eq!(bench.one(grants, ask("none", "/open/")).await["status"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_on_its_way_when_a_credential_went_out_is_searched_for_it() {
    let bench = Bench::new().await;
    let grants = json!([
        { "id": "open", "host": "api.example.com", "path_prefix": "/newest" },
        { "id": "wiki", "host": "api.example.com", "path_prefix": "/in/", "credential": "token:wiki" },
    ]);
    // Begun together: the first is answered when the second has been sent, with what that carried.
    let requests = json!([
        { "authority": "api.example.com", "path": "/newest" },
        { "authority": "api.example.com", "path": "/in/" },
    ]);
    let answers = bench.fetch(grants, requests).await;
    for answer in &answers {
        let seen = answer.to_string();
        assert!(seen.contains("GET /in/") && seen.contains("Bearer [redacted]") && !seen.contains(BEARER), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_out_before_a_host_died_is_searched_for_when_the_invocation_goes_on() {
    let bench = Bench::new().await;
    let grants = json!({
        "http": [
            { "id": "open", "host": "api.example.com", "path_prefix": "/newest" },
            { "id": "wiki", "host": "api.example.com", "path_prefix": "/in/", "credential": "token:wiki" },
            { "id": "chat", "host": "api.example.com", "path_prefix": "/chat/" },
        ],
        "secrets": [{ "name": "chat", "host": "api.example.com" }],
    });
    let secret = json!([["x-key", "{chat}"]]);
    for (path, headers, went_out) in
        [("/in/", json!([]), "authorization: Bearer [redacted]"), ("/chat/", secret, "x-key: [redacted]")]
    {
        let requests = json!([
            { "authority": "api.example.com", "path": path, "headers": headers },
            { "authority": "api.example.com", "path": "/newest" },
        ]);
        let input = json!({ "requests": requests, "secrets": ["chat"] });
        let whole = bench.perform(bench.invocation(grants.clone()), "one_by_one_whole", input.clone()).await;
        let is_http = |row: &&JournalRow| matches!(Call::decode(&row.call), Ok(Call::Http(_)));
        let second = whole.rows.iter().filter(is_http).map(|row| row.number).max().unwrap();
        let kept = whole.rows.into_iter().filter(|row| row.number < second).collect();
        let mut invocation = bench.invocation(grants.clone());
        invocation.recording = Some(Recording::new(kept, Then::GoOn));
        let sent = bench.server.requests().len();
        let outcome = bench.perform(invocation, "one_by_one_whole", input).await;
        assert_eq!(bench.server.requests().len(), sent + 1, "the second alone is sent");
        let answers: Vec<Value> = serde_json::from_str(&outcome.result.unwrap()).unwrap();
        let seen = answers[1].to_string();
        assert!(seen.contains(&format!("GET {path}")) && seen.contains(went_out), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_credential_went_out_no_answer_comes_in_ranges_or_compressed() {
    let bench = Bench::new().await;
    let grants = json!([
        { "id": "wiki", "host": "api.example.com", "path_prefix": "/in/", "credential": "token:wiki" },
        { "id": "open", "host": "api.example.com", "path_prefix": "/open/" },
        { "id": "zip", "host": "api.example.com", "path_prefix": "/encoded" },
    ]);
    let ask = |path: &str, header: (&str, &str)| {
        let headers = json!([["troupe-explain", "true"], [header.0, header.1]]);
        json!({ "authority": "api.example.com", "path": path, "headers": headers })
    };
    let open = [
        ask("/open/", ("range", "bytes=0-9")),
        ask("/encoded", ("accept", "*/*")),
        ask("/open/", ("accept-encoding", "gzip")),
    ];
    let one_by_one = async |requests: Vec<Value>| {
        let outcome = bench.outcome(grants.clone(), "one_by_one_whole", json!({ "requests": requests })).await;
        serde_json::from_str::<Vec<Value>>(&outcome.result.unwrap()).unwrap()
    };
    // Nothing has gone out yet, so nothing could hide.
    let free = one_by_one(open.to_vec()).await;
    assert!(free.iter().all(|answer| answer["status"] == 200), "{free:?}");
    let mut after = vec![ask("/in/", ("accept", "*/*"))];
    after.extend(open);
    let told = one_by_one(after).await;
    assert_eq!(told[0]["status"], 200);
    assert!(sentence(&told[1]).starts_with("denied.header: an agent may not set the header `range` here: an earlier"));
    assert!(sentence(&told[2]).contains("is compressed"), "{told:?}");
    let asked = |request: &String| request.contains("accept-encoding: gzip\r\n");
    let seen = bench.server.requests();
    assert_eq!((asked(&seen[2]), asked(seen.last().unwrap())), (true, false), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tried_release_is_refused_what_it_would_be_refused_live() {
    let bench = Bench::new().await;
    let grants = json!({
        "http": [
            { "id": "wiki", "host": "api.example.com", "path_prefix": "/in/", "credential": "token:wiki" },
            { "id": "open", "host": "api.example.com", "path_prefix": "/open/" },
            { "id": "s3", "host": "s3.us-east-1.amazonaws.com", "credential": "aws:default", "actions": ["s3:GetObject"] },
        ],
        "secrets": [{ "name": "chat", "host": "api.example.com" }],
    });
    let ask = |authority: &str, path: &str, headers: Value| {
        let mut headers = headers;
        headers.as_array_mut().unwrap().push(json!(["troupe-explain", "true"]));
        json!({ "authority": authority, "path": path, "headers": headers })
    };
    let api = |path: &str, headers: Value| ask("api.example.com", path, headers);
    let range = || json!([["range", "bytes=0-9"]]);
    let s3 = ask("s3.us-east-1.amazonaws.com", "/bucket/key", range());
    let cases = [
        (vec![api("/open/", range()), s3.clone()], None),
        (vec![api("/in/", range())], Some("range")),
        (vec![api("/open/", json!([["range", "bytes=0-9"], ["x-key", "{chat}"]]))], Some("range")),
        (vec![api("/in/", json!([])), api("/open/", range())], Some("an earlier request carried")),
        (vec![api("/open/", json!([["x-key", "{chat}"]])), s3], Some("an earlier request carried")),
        (vec![api("/in/", json!([["authorization", "Bearer {chat}"]]))], Some("cannot stand in `authorization`")),
        (vec![api("/open/", json!([["authorization", "Bearer {chat}"]]))], None),
    ];
    for (requests, refusal) in cases {
        let input = json!({ "requests": requests, "secrets": ["chat"] });
        let told = async |tried: bool| {
            let mut invocation = bench.invocation(grants.clone());
            if tried {
                // A record on which nothing is, so that whatever may be sent is answered so.
                let nothing = Matching::new(&Record::new(&[], &invocation.seed).unwrap());
                invocation.recording = Some(Recording::matching(Arc::new(nothing)));
            }
            let outcome = bench.perform(invocation, "one_by_one_whole", input.clone()).await;
            let answers: Vec<Value> = serde_json::from_str(&outcome.result.unwrap()).unwrap();
            let last = answers.last().unwrap().clone();
            (last["sentence"].as_str().filter(|said| !said.starts_with("replay.unmatched")).map(str::to_owned), last)
        };
        let ((live, answer), (tried, _)) = (told(false).await, told(true).await);
        assert_eq!(live, tried, "{input:#}");
        match refusal {
            Some(refusal) => {
                let said = live.unwrap_or_else(|| panic!("not refused: {answer} {input:#}"));
                assert!(said.starts_with("denied.header") && said.contains(refusal), "{said}");
            }
            None => assert_eq!(live, None, "{input:#}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_cannot_be_used_says_why() {
    let bench = Bench::new().await;
    let grants = json!([{ "id": "a", "host": "api.example.com", "credential": "token:broken" }]);
    let refused = bench.one(grants, json!({ "authority": "api.example.com", "path": "/" })).await;
    assert_eq!(sentence(&refused), "credentials.invalid: the file of tokens cannot be read");
}

#[tokio::test(flavor = "multi_thread")]
async fn e54_a_credential_stays_within_what_the_operator_bound_it_to_whatever_is_granted() {
    let bench = Bench::new().await;
    let port = bench.server.port;
    // A grant as wide as its author wished: another host, in the clear, at another port.
    let grants =
        json!([{ "id": "mine", "scheme": "http", "host": "127.0.0.1", "port": port, "credential": "token:wiki" }]);
    let request = json!({ "scheme": "http", "authority": format!("127.0.0.1:{port}"), "path": "/" });
    let refused = sentence(&bench.one(grants, request).await);
    assert!(refused.starts_with("denied.secret: the credential `token:wiki` goes by another scheme"), "{refused}");
    assert!(bench.server.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn e55_an_echo_is_counted_and_said_and_taken_out_of_all_that_the_guest_says_later() {
    let bench = Bench::new().await;
    let grants = json!([
        { "id": "wiki", "host": "api.example.com", "path_prefix": "/in/", "credential": "token:wiki" },
        { "id": "open", "host": "api.example.com", "path_prefix": "/out/" },
    ]);
    // The second answer comes from a place to which nothing was added, and holds the token all the same.
    let requests = json!([
        { "authority": "api.example.com", "path": "/in/" },
        { "authority": "api.example.com", "path": format!("/out/?{BEARER}") },
    ]);
    let input = json!({ "requests": [requests[0].clone(), requests[1].clone()] });
    let outcome = bench.outcome(grants, "one_by_one_whole", input).await;
    let output = outcome.result.unwrap();
    assert!(output.contains("[redacted]") && !output.contains(BEARER), "{output}");
    assert!(outcome.usage.secret_echoes >= 2, "{:?}", outcome.usage);
    let log = bench.log.lock().unwrap();
    assert!(log.iter().any(|record| record.message.starts_with("secret.echo: ")), "{log:?}");
}
