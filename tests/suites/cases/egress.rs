//! E: an agent reaches through its requests for what it was not given, and what it calls for
//! the host. Cases that need no whole host stand where what they meet is: in
//! `host/sandbox/tests/http/` and beside the client in `host/egress/`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use troupe_core::limits;
use troupe_tests::endless::Endless;
use troupe_tests::oracle::{Good, Oracle};
use troupe_tests::service::{Reply, Request, Service};
use troupe_tests::{Client, Host, seed};

use crate::{PROGRAM, deploy_fetch};

/// A host with the agent `fetch`, which is granted what it asks for.
pub(super) async fn host_that_may(capabilities: Value) -> Host {
    let host = Host::with_agents(PROGRAM).await;
    deploy_fetch(&host.client(), &capabilities).await;
    host
}

/// Watches a host on which the agent `fetch` serves.
pub(super) async fn watch(host: &Host) -> Oracle<'_> {
    Oracle::watch_with(host, Good::fetch()).await
}

/// A service of which no connection is left open.
pub(super) async fn service(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Service {
    Service::start(move |request| answer(request).with("connection", "close")).await
}

/// A line for a port of this machine.
pub(super) fn line(id: &str, port: u16, more: Value) -> Value {
    let mut line = json!({ "id": id, "scheme": "http", "host": "127.0.0.1", "port": port });
    line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    line
}

/// A request for a path of a port of this machine, which is told in words why it is refused.
pub(super) fn ask(port: u16, path: &str) -> Value {
    let authority = format!("127.0.0.1:{port}");
    json!({ "scheme": "http", "authority": authority, "path": path, "headers": [["troupe-explain", "true"]] })
}

/// Sends requests and returns what came of each.
pub(super) async fn fetch(oracle: &Oracle<'_>, requests: Vec<Value>) -> Vec<Value> {
    let task = json!({ "agent": "fetch", "skill": "fetch", "input": { "requests": requests }, "timeout_ms": 120_000 });
    let ran = oracle.client().post("/api/v1/tasks?wait=120", &task).await;
    ran.output()["answers"].as_array().unwrap().clone()
}

/// Why a request was refused.
pub(super) fn sentence(answer: &Value) -> &str {
    answer["sentence"].as_str().unwrap_or_else(|| panic!("not refused: {answer}"))
}

/// A service that does with each connection what it is told.
pub(super) async fn scripted<F: Future<Output = ()> + Send>(
    serve: impl Fn(TcpStream) -> F + Send + Copy + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.is_ok_and(|count| count > 0) {}
                serve(stream).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn e47_redirect_to_metadata_is_not_followed() {
    let metadata = "http://169.254.169.254/latest/meta-data/iam/";
    let service = service(move |request| match request.target.as_str() {
        "/good" => Reply::text(200, "good"),
        _ => Reply::text(302, "").with("location", metadata),
    })
    .await;
    let host = host_that_may(json!({ "http": [
        line("plain", service.port(), json!({ "path_prefix": "/plain" })),
        line("follows", service.port(), json!({ "path_prefix": "/follows", "redirects": 3 })),
        line("good", service.port(), json!({ "path_prefix": "/good" })),
    ] }))
    .await;
    let ask = |path: &str| ask(service.port(), path);
    let mut oracle = watch(&host).await;
    let client = oracle.client().clone();
    let task = client.run("fetch", "fetch", json!({ "requests": [ask("/plain"), ask("/follows")] })).await.of(200);
    oracle.decides("denied.egress");
    let answers = &task["output"]["answers"];
    assert_eq!(answers[0]["status"], 302, "{answers}");
    let said = sentence(&answers[1]).replace(&service.port().to_string(), "[port]");
    insta::assert_snapshot!(said, @"denied.egress: http://127.0.0.1:[port]/follows redirects to http://169.254.169.254/latest/meta-data/iam/, which is not followed: no grant of `http` leads to http://169.254.169.254; the manifest must ask for it and the operator grant it");
    assert_eq!(service.seen().len(), 2);
    // It is one row of the journal, and told as a denial.
    let id = task["id"].as_str().unwrap();
    let journal = client.get(&format!("/api/v1/tasks/{id}/journal")).await.of(200);
    let rows = journal["calls"].as_array().unwrap().iter();
    assert_eq!(rows.filter(|row| row["answer"].as_str().unwrap_or_default().starts_with("denied.egress: ")).count(), 1);
    assert!(client.get("/metrics").await.text.contains("troupe_denied_calls_total{agent=\"fetch\"} 1"));
    let replay = client.post(&format!("/api/v1/tasks/{id}/replay"), &Value::Null).await.of(200);
    assert_eq!(replay["identical"], true, "{replay:#}");
    assert_eq!(fetch(&oracle, vec![ask("/good")]).await[0]["body"], "good");
    assert_eq!(service.seen().len(), 3);
    oracle.holds().await;
}

#[tokio::test]
async fn e49_an_allowed_name_that_leads_inside_is_not_dialled_unless_granted_inside() {
    let server = service(|_| Reply::text(200, "inside")).await;
    let named = |private: bool| {
        json!({ "http": [{
            "id": "in", "scheme": "http", "host": "localhost", "port": server.port(), "private": private,
        }] })
    };
    let mut request = ask(server.port(), "/");
    request["authority"] = format!("localhost:{}", server.port()).into();
    let host = host_that_may(named(true)).await;
    let client = host.client().fresh();
    let grant = async |private: bool| {
        client.put("/api/v1/deployments/fetch/grants", &json!({ "grants": named(private) })).await.of(200);
    };
    grant(false).await;
    let mut oracle = watch(&host).await;
    let said = fetch(&oracle, vec![request.clone()]).await;
    assert!(sentence(&said[0]).starts_with("denied.egress: `localhost` leads to"), "{said:?}");
    oracle.decides("denied.egress");
    assert_eq!(server.seen().len(), 0);
    grant(true).await;
    assert_eq!(fetch(&oracle, vec![request]).await[0]["status"], 200);
    oracle.holds().await;
}

#[tokio::test]
async fn e51_a_pattern_that_covers_more_than_a_name_s_own_labels_cannot_be_granted() {
    let host = host_that_may(json!({})).await;
    let oracle = watch(&host).await;
    for pattern in
        ["*", "*.com", "*.co*", "api.*.com", "API.example.com", "api.example.com.", "user@example.com", "é.com"]
    {
        let grants = json!({ "grants": { "http": [{ "id": "a", "host": pattern }] } });
        let refused = oracle.client().put("/api/v1/deployments/fetch/grants", &grants).await;
        assert_eq!(refused.status, 400, "{pattern}: {}", refused.text);
    }
    oracle.holds().await;
}

#[tokio::test]
async fn e52_the_host_that_is_named_is_the_host_that_is_asked() {
    let service = service(|request| Reply::text(200, request.text())).await;
    let host = host_that_may(json!({ "http": [line("a", service.port(), json!({}))] })).await;
    let oracle = watch(&host).await;
    let mut lying = ask(service.port(), "/");
    lying["headers"] = json!([["Host", "evil.example"]]);
    let answers = fetch(&oracle, vec![lying, ask(service.port(), "/")]).await;
    assert!(answers[0]["error"].as_str().unwrap().starts_with("guest: headers"), "{answers:?}");
    let [seen] = service.seen().try_into().unwrap();
    assert_eq!(seen.header("host"), Some(format!("127.0.0.1:{}", service.port()).as_str()));
    oracle.holds().await;
}

#[tokio::test]
async fn e56_an_upstream_that_sends_a_byte_now_and_then_is_given_up() {
    let port = scripted(async |mut stream: TcpStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
    })
    .await;
    let host = host_that_may(json!({ "http": [line("a", port, json!({}))] })).await;
    let mut oracle = watch(&host).await;
    let started = Instant::now();
    let answers = fetch(&oracle, vec![ask(port, "/")]).await;
    assert!(sentence(&answers[0]).starts_with("limit.idle: "), "{answers:?}");
    oracle.decides("limit.idle");
    assert!(
        (limits::HTTP_IDLE_TIME_MAX..Duration::from_secs(29)).contains(&started.elapsed()),
        "{:?}",
        started.elapsed()
    );
    oracle.holds().await;
}

/// A gzip file of a kilobyte that is a megabyte of zeros: its block's first bits, a bit for each 258
/// zeros, and its end.
fn zeros_folded() -> Vec<u8> {
    const BEGIN: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc11\x01\x00\x00\x00\xc2\xa0\xf5Om\x08_\xa0";
    const END: &[u8] = b">\x03\x1c\xea8\xa7\x00\x00\x10\x00";
    [BEGIN, &[0; 1016], END].concat()
}

#[tokio::test]
async fn e58_a_compressed_answer_is_not_unfolded() {
    // Files one behind the other are one file, of more zeros than the body of an answer may have.
    const FILES: usize = 300;
    assert!((FILES as u64) << 20 > limits::HTTP_RESPONSE_BODY_BYTES_MAX);
    let bytes = FILES * zeros_folded().len();
    let port = scripted(async |mut stream: TcpStream| {
        let bomb = zeros_folded().repeat(FILES);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", bomb.len());
        let _ = stream.write_all(&[head.as_bytes(), &bomb].concat()).await;
    })
    .await;
    let host = host_that_may(json!({ "http": [line("a", port, json!({}))] })).await;
    let oracle = watch(&host).await;
    let answer = fetch(&oracle, vec![ask(port, "/")]).await.remove(0);
    assert_eq!((&answer["body_bytes"], &answer["error"]), (&json!(bytes), &Value::Null), "{answer}");
    assert!(answer["headers"].to_string().contains("gzip"), "{answer}");
    oracle.holds().await;
}

#[tokio::test]
async fn e58_a_body_beyond_the_limit_is_refused_where_it_is_announced_and_cut_off_where_it_is_not() {
    const MOST: u64 = limits::HTTP_RESPONSE_BODY_BYTES_MAX;
    let announced = scripted(async |mut stream: TcpStream| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", MOST + 1);
        let _ = stream.write_all(head.as_bytes()).await;
        // Nothing of it comes, and it is not awaited.
        let _ = stream.read(&mut [0]).await;
    })
    .await;
    let endless = Endless::start().await;
    let lines = [line("announced", announced, json!({})), line("endless", endless.port(), json!({}))];
    let host = host_that_may(json!({ "http": lines })).await;
    let mut oracle = watch(&host).await;
    let started = Instant::now();
    let answer = fetch(&oracle, vec![ask(announced, "/")]).await.remove(0);
    let said = sentence(&answer).replace(&announced.to_string(), "[port]");
    insta::assert_snapshot!(said, @"limit.body: the answer of `127.0.0.1:[port]` is larger than 256 MiB, the most that is read");
    assert!(started.elapsed() < limits::HTTP_IDLE_TIME_MAX, "{:?}", started.elapsed());
    let answer = fetch(&oracle, vec![ask(endless.port(), "/endless")]).await.remove(0);
    let read = answer["body_bytes"].as_u64().unwrap();
    assert!(answer["error"].is_string() && (MOST - (1 << 20)..=MOST).contains(&read), "{read}: {}", answer["error"]);
    oracle.decides_often("limit.body", 2);
    endless.is_left().await;
    oracle.holds().await;
}

#[tokio::test]
async fn e58_a_request_body_of_one_byte_too_many_is_not_sent() {
    const MOST: usize = limits::HTTP_REQUEST_BODY_BYTES_MAX;
    let service = service(|request| Reply::text(200, request.body.len().to_string())).await;
    let mut host = host_that_may(json!({ "http": [line("a", service.port(), json!({ "methods": ["POST"] }))] })).await;
    // With an allocator that gives large pieces back at once: else it keeps more of such bodies, now and
    // then, than what is looked for.
    host.stop().await;
    let mut host = host.with_variable("MALLOC_MMAP_THRESHOLD_", "65536");
    host.start().await;
    let post = async |client: &Client, bytes: usize, early: usize| {
        let mut request = ask(service.port(), "/");
        let more = json!({ "method": "POST", "body_bytes": bytes, "early_bytes": early });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client.run("fetch", "fetch", json!({ "requests": [request] })).await.output()["answers"][0].clone()
    };
    let all = async |client: &Client| {
        // Written before the request is sent, in pieces, and after.
        for early in [64 << 10, 0] {
            let answer = post(client, MOST + 1, early).await;
            insta::allow_duplicates! {
                insta::assert_snapshot!(sentence(&answer), @"limit.body: the request's body is larger than 16 MiB, the most that is sent");
            }
        }
        let answer = post(client, MOST, 0).await;
        assert_eq!(answer["body"], MOST.to_string(), "{answer:#}");
    };
    // What is loaded once stays loaded.
    all(&host.client().fresh()).await;
    let mut oracle = watch(&host).await;
    all(oracle.client()).await;
    oracle.decides_often("limit.body", 2);
    assert_eq!(service.seen().len(), 2, "what is too large is not sent");
    oracle.holds().await;
}

#[tokio::test]
async fn e58_a_body_without_end_is_cut_off() {
    let port = scripted(async |mut stream: TcpStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let piece = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
        while stream.write_all(&piece).await.is_ok() {}
    })
    .await;
    let budget = json!({ "budget": { "bytes_per_minute": 8 << 20 } });
    let host = host_that_may(json!({ "http": [line("a", port, budget)] })).await;
    let mut oracle = watch(&host).await;
    let answer = fetch(&oracle, vec![ask(port, "/")]).await.remove(0);
    let read = answer["body_bytes"].as_u64().unwrap();
    assert!(answer["error"].is_string() && read <= 9 << 20, "{read}: {}", answer["error"]);
    // What was taken too much is paid before anything else is sent.
    let answer = fetch(&oracle, vec![ask(port, "/")]).await.remove(0);
    assert!(sentence(&answer).starts_with("limit.budget: "), "{answer}");
    oracle.decides_often("limit.budget", 2);
    oracle.holds().await;
}

#[tokio::test]
async fn e59_requests_beyond_those_that_may_wait_are_refused_at_once() {
    const FLOOD: usize = 600;
    let times = seed::floods();
    let port = scripted(async |mut stream: TcpStream| {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
    })
    .await;
    let host = host_that_may(json!({ "http": [line("a", port, json!({}))] })).await;
    let mut oracle = watch(&host).await;
    let flood = || fetch(&oracle, (0..FLOOD).map(|_| ask(port, "/")).collect());
    let neighbour = async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        oracle.client().run("echo", "version", json!({})).await.output();
    };
    let (mut floods, started) = (Vec::new(), Instant::now());
    for _ in 0..times {
        let (answers, ()) = tokio::join!(flood(), neighbour());
        floods.push(answers);
    }
    println!("{} requests in {:?}", times * FLOOD, started.elapsed());
    let admitted = limits::HTTP_EXCHANGES_PER_INVOCATION_MAX + limits::HTTP_WAITING_PER_INVOCATION_MAX;
    for answers in &floods {
        let served = answers.iter().filter(|answer| answer["status"] == 200).count();
        let refused = answers.iter().filter(|answer| answer["sentence"].is_string()).count();
        assert!(
            served >= admitted && refused > 0 && served + refused == FLOOD,
            "{served} served, {refused} refused of {FLOOD}"
        );
    }
    let said = floods[0].iter().find_map(|answer| answer["sentence"].as_str()).unwrap();
    insta::assert_snapshot!(said, @"limit.connections: 16 HTTP requests of this invocation are open and 240 wait for their turn, as many as may; wait for some first");
    assert_eq!(fetch(&oracle, vec![ask(port, "/")]).await[0]["status"], 200);
    // Each invocation has one record of it, with how often.
    oracle.decides_often("limit.connections", times);
    oracle.holds().await;
}

#[tokio::test]
async fn e61_the_host_s_own_door_is_closed_to_any_grant() {
    let host = Host::with_agents(PROGRAM).await;
    // Its port is known once it listens, and it listens there again.
    let port: u16 = host.client().url.rsplit(':').next().unwrap().trim_end_matches('/').parse().unwrap();
    let capabilities = json!({ "http": [line("own", port, json!({ "private": true })), {
        "id": "too", "scheme": "http", "host": "localhost", "port": port, "private": true,
    }] });
    deploy_fetch(&host.client(), &capabilities).await;
    let mut by_name = ask(port, "/api/v1/agents");
    by_name["authority"] = format!("localhost:{port}").into();
    let mut oracle = watch(&host).await;
    for answer in fetch(&oracle, vec![ask(port, "/api/v1/agents"), by_name]).await {
        let said = sentence(&answer);
        assert!(said.starts_with("denied.egress: ") && said.contains("is one of this host's own"), "{said}");
    }
    // By its address and by its name.
    oracle.decides_often("denied.egress", 2);
    oracle.holds().await;
}

#[tokio::test]
async fn e62_frames_of_http_2_are_no_request_and_cost_a_connection_alone() {
    let host = crate::host().await;
    let oracle = Oracle::watch(&host).await;
    let url = host.client().url;
    let address = url.strip_prefix("http://").unwrap().to_owned();
    // The preface, settings, and then streams that are opened and reset, or headers without end.
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    };
    let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[])].concat();
    let request = [0x82, 0x86, 0x84, 0x41, 0x01, b'a'];
    let resets = |count: u32| {
        let streams = (0..count).map(|number| 2 * number + 1);
        streams
            .flat_map(|stream| [frame(1, 5, stream, &request), frame(3, 0, stream, &[0, 0, 0, 8])].concat())
            .collect()
    };
    let continued = |count: u32| {
        let rest = (0..count).flat_map(|_| frame(9, 0, 1, &[0x40, 1, b'a', 1, b'b']));
        frame(1, 1, 1, &request).into_iter().chain(rest).collect::<Vec<u8>>()
    };
    let floods: [Vec<u8>; 2] = [resets(10_000), continued(10_000)];
    let closed = floods.map(|flood| {
        let (address, preface) = (address.clone(), preface.clone());
        async move {
            let mut connection = TcpStream::connect(address).await.unwrap();
            // It may be closed before all of it is written.
            let _ = connection.write_all(&[preface, flood].concat()).await;
            let mut answer = Vec::new();
            let end = connection.read_to_end(&mut answer);
            let _ = tokio::time::timeout(limits::REQUEST_HEAD_TIME_MAX + Duration::from_secs(10), end)
                .await
                .expect("an end");
            assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
        }
    });
    let served = async {
        for _ in 0..20 {
            assert_eq!(oracle.client().get("/healthz").await.status, 200);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::join!(futures::future::join_all(closed), served);
    oracle.client().get("/api/v1/agents").await.of(200);
    oracle.holds().await;
}
