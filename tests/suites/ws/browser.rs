//! A page in a browser: Chromium, which is somebody else's client of both HTTP and WebSocket.
//!
//! Without Chromium the suite is left out; with `TROUPE_REQUIRE_SUITES` set that is a failure.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use troupe_tests::Client;

use super::named;
use crate::rest::tasks::sleeper::{host_that_counts, long_nights};

/// Names under which it is installed.
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Longest that a page may take.
const TIME_MAX: Duration = Duration::from_secs(90);

/// A browser that ends with its test.
struct Browser(Child, #[expect(dead_code, reason = "it is removed once the browser is gone")] tempfile::TempDir);

impl Browser {
    /// Opens a page, if there is a browser.
    fn open(page: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let begun = PROGRAMS.into_iter().find_map(|program| {
            Command::new(program)
                .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
                .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
                // It meets this machine alone.
                .args([
                    "--no-proxy-server",
                    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE *.localhost",
                ])
                .arg(format!("--user-data-dir={}", dir.path().display()))
                .arg(page)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .ok()
        });
        if begun.is_none() {
            assert!(std::env::var_os("TROUPE_REQUIRE_SUITES").is_none(), "chromium is not on the path");
            // Past the test runner, which keeps what a passing test prints to itself.
            let _ = writeln!(std::io::stderr(), "left out: a page in a browser, because chromium is not on the path");
        }
        begun.map(|child| Self(child, dir))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A page that runs a task on a socket and posts what it heard to where it came from.
fn page(client: &Client, task: &Value) -> String {
    let socket = client.url.replacen("http:", "ws:", 1);
    let token = client.token.as_deref().unwrap();
    format!(
        r#"<!doctype html><title>Troupe</title><script>
const said = [];
const socket = new WebSocket("{socket}/api/v1/ws", ["troupe.v1", "troupe.bearer.{token}"]);
socket.onopen = () => socket.send(JSON.stringify({{ type: "run", id: "page", task: {task} }}));
socket.onmessage = (message) => {{
  said.push(JSON.parse(message.data));
  if (said.at(-1).event === "end") socket.close(1000);
}};
socket.onclose = (close) => fetch("/said", {{
  method: "POST",
  body: JSON.stringify({{ protocol: socket.protocol, code: close.code, clean: close.wasClean, said }}),
}});
</script>"#
    )
}

/// Shows a page to a browser that finds it under a name of this machine; returns what it posts.
async fn shown(page: &str, name: &str) -> Option<Value> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let _browser = Browser::open(&format!("http://{name}:{port}/"))?;
    let posted = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut came = Vec::new();
            let posted = loop {
                if stream.read_buf(&mut came).await.unwrap_or(0) == 0 {
                    break None;
                }
                let text = String::from_utf8_lossy(&came);
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                if !head.starts_with("POST /said ") {
                    break None;
                }
                if let Ok(posted) = serde_json::from_str::<Value>(body) {
                    break Some(posted);
                }
            };
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
                page.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            if let Some(posted) = posted {
                return posted;
            }
        }
    };
    Some(tokio::time::timeout(TIME_MAX, posted).await.expect("a page that says what it heard"))
}

#[tokio::test]
async fn a_page_in_a_browser_runs_a_task_and_follows_it() {
    let host = host_that_counts().await;
    let page = page(&host.client(), &long_nights(2, 300));
    let Some(heard) = shown(&page, "127.0.0.1").await else { return };
    assert_eq!(
        (&heard["protocol"], &heard["code"], &heard["clean"]),
        (&json!("troupe.v1"), &json!(1000), &json!(true))
    );
    let said = heard["said"].as_array().unwrap();
    assert_eq!(named(said, "page", "progress").len(), 2, "{said:#?}");
    assert_eq!(named(said, "page", "task").last().unwrap()["status"], "completed");
    assert_eq!(named(said, "page", "end"), [&json!({ "reason": "done" })]);
}

#[tokio::test]
async fn a_page_of_another_origin_opens_no_socket_whatever_token_it_has() {
    let host = host_that_counts().await;
    let page = page(&host.client(), &long_nights(1, 1));
    let Some(heard) = shown(&page, "elsewhere.localhost").await else { return };
    assert_eq!((&heard["clean"], &heard["said"]), (&json!(false), &json!([])));
    assert_eq!(heard["code"], 1006);
}
