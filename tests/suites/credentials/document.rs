//! The operator's document of credentials, by its file.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use troupe_tests::command::run;
use troupe_tests::service::{Reply, Service};

use super::{Bench, credential, may_send, to, unstarted, write_document};
use crate::PROGRAM;

async fn start_fails(text: &str, mode: u32) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("credentials.toml");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--credentials", "credentials.toml"];
    let said = run(PROGRAM, dir.path(), &arguments).await;
    said.bad().trim_end().to_owned()
}

#[tokio::test]
async fn a_document_that_cannot_be_used_stops_the_start_and_says_why() {
    let open = start_fails("", 0o644).await;
    assert_eq!(
        open,
        "error: credentials.toml is open to other users (mode 644); close it with `chmod 600` [credentials.invalid]"
    );
    let slip = start_fails("[tenant.default.secrets.chat]\nvalue = \"canary-of-the-chat\"\n", 0o600).await;
    assert!(
        slip.starts_with(
            "error: credentials.toml line 2, in [tenant.default.secrets.chat]: a secret does not stand here"
        ),
        "{slip}"
    );
    assert!(!slip.contains("canary"), "{slip}");
    let dir = tempfile::tempdir().unwrap();
    let said = run(PROGRAM, dir.path(), &["serve", "--listen", "127.0.0.1:0", "--credentials", "nowhere.toml"]).await;
    assert_eq!(
        said.bad().trim_end(),
        "error: there is no document of credentials at `nowhere.toml` [credentials.invalid]"
    );
}

#[tokio::test]
async fn a_changed_document_is_in_force_without_a_restart_and_a_broken_one_is_not() {
    let service = Service::start(|request| Reply::text(200, request.header("authorization").unwrap_or("none"))).await;
    let table =
        |variable: &str| credential("bearer:a", &format!("token = {{ env = \"{variable}\" }}\n{}", to(&service)));
    let host = unstarted().with_secret("ONE", "canary-number-one").with_secret("TWO", "canary-number-two");
    let bench = Bench::start(host, may_send(&service, "bearer:a"), |_: &Path| table("ONE")).await;
    let shown = || service.seen().last().and_then(|request| request.header("authorization").map(str::to_owned));
    bench.get(&service, "/").await;
    assert_eq!(shown().as_deref(), Some("Bearer canary-number-one"));

    write_document(&bench.host, &table("TWO"));
    bench.until(&service, "/", |_| shown().as_deref() == Some("Bearer canary-number-two")).await;

    let from = bench.host.said().len();
    write_document(&bench.host, &table("TWO").replace("token", "tokne"));
    bench.host.says(from, |said| said.contains("line 2, in [tenant.default.credentials.")).await;
    bench.get(&service, "/").await;
    assert_eq!(shown().as_deref(), Some("Bearer canary-number-two"));

    // One that is open to others is not in force until it is closed, which is all it takes.
    let (path, new) = (bench.host.data_dir().join("credentials.toml"), bench.host.data_dir().join("new.toml"));
    let allow = |path: &Path, mode: u32| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    std::fs::write(&new, table("ONE")).unwrap();
    allow(&new, 0o644);
    let from = bench.host.said().len();
    std::fs::rename(&new, &path).unwrap();
    bench.host.says(from, |said| said.contains("credentials.toml is open to other users (mode 644)")).await;
    allow(&path, 0o600);
    bench.until(&service, "/", |_| shown().as_deref() == Some("Bearer canary-number-one")).await;

    let from = bench.host.said().len();
    std::fs::remove_file(bench.host.data_dir().join("credentials.toml")).unwrap();
    bench.host.says(from, |said| said.contains("the changed document of credentials is in force")).await;
    let refused = bench.get(&service, "/").await["sentence"].as_str().unwrap().to_owned();
    assert!(refused.contains("the operator has set up no credential `bearer:a`"), "{refused}");
}
