//! A server of names that says nothing.
//!
//! The host gets a view of the files of its own in which that server is the only one, which takes the rights to
//! make one and to listen at port 53; without them the suite is left out.

use std::fs;
use std::io::Write as _;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use troupe_core::limits;
use troupe_tests::{Host, template};

use crate::{PROGRAM, deploy_fetch};

/// Where the server of names is.
const SERVER: &str = "127.0.0.77";

#[tokio::test]
async fn i128_a_dead_server_of_names_is_told_within_its_time_and_holds_nobody_else_up() {
    let dir = tempfile::tempdir().unwrap();
    let resolv = dir.path().join("resolv.conf");
    fs::write(&resolv, format!("nameserver {SERVER}\n")).unwrap();
    let in_view = format!("mount --bind '{}' /etc/resolv.conf && exec", resolv.display());
    let may = Command::new("unshare").args(["--mount", "sh", "-c", &format!("{in_view} true")]).output();
    let (Ok(_silent), true) = (UdpSocket::bind((SERVER, 53)), may.is_ok_and(|tried| tried.status.success())) else {
        let _ =
            writeln!(std::io::stderr(), "left out: a dead server of names, which takes rights that this user lacks");
        return;
    };
    let program = dir.path().join("troupe");
    let script = format!(
        "#!/bin/sh\nexec unshare --mount sh -c '{} {PROGRAM} \"$@\"' troupe \"$@\"\n",
        in_view.replace('\'', "\"")
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let mut host = Host::new(program.to_str().unwrap(), &["serve", "--listen", "127.0.0.1:0"]);
    template::copy_to(PROGRAM, &host.data_dir());
    host.start().await;
    let client = host.client();
    let capabilities =
        json!({ "http": [{ "id": "a", "scheme": "http", "host": "service.example", "methods": ["GET"] }] });
    deploy_fetch(&client, &capabilities).await;
    let request = json!({
        "scheme": "http", "authority": "service.example", "path": "/", "headers": [["troupe-explain", "true"]],
    });
    for _ in 0..2 {
        let began = Instant::now();
        let asked = client.run("fetch", "fetch", json!({ "requests": [request] }));
        let others = async {
            for _ in 0..20 {
                client.run("echo", "version", json!({})).await.output();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            began.elapsed()
        };
        let (answer, others) = tokio::join!(asked, others);
        let took = began.elapsed();
        let said = answer.output()["answers"][0]["sentence"].as_str().unwrap_or_default().to_owned();
        assert!(said.starts_with("unavailable.dns: `service.example` "), "{said}");
        assert!(took > Duration::from_secs(2), "it was not asked: {took:?}");
        assert!(took < limits::DNS_TIME_MAX + Duration::from_secs(2), "{took:?}");
        assert!(others < limits::DNS_TIME_MAX, "others waited for it: {others:?}");
    }
}
