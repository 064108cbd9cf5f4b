//! Tokens of Google Cloud.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use troupe_tests::identity::google::{ACCOUNT, Google};
use troupe_tests::service::Service;

use super::{Bench, credential, may_send, request, to, unstarted};

const HOUR: Duration = Duration::from_secs(3600);

fn keyed(google: &Google, api: &Service, sources: &Path, key: &str) -> String {
    std::fs::write(sources.join("key.json"), key).unwrap();
    let (path, url) = (sources.join("key.json"), google.service.url());
    credential(
        "gcp:prod",
        &format!("key = {{ file = \"{}\" }}\ntoken_url = \"{url}/token\"\n{}", path.display(), to(api)),
    )
}

#[tokio::test]
async fn a_service_account_s_key_signs_what_google_takes_and_shows_nowhere() {
    let host = unstarted();
    let google = Google::start(host.canaries(), HOUR).await;
    let api = google.api().await;
    let bench =
        Bench::start(host, may_send(&api, "gcp:prod"), |sources| keyed(&google, &api, sources, &Google::key())).await;
    let requests: Vec<_> = (0..8).map(|number| request(&api, &format!("/{number}"))).collect();
    let output = bench.fetch(json!({ "requests": requests })).await;
    assert!(output["answers"].as_array().unwrap().iter().all(|answer| answer["status"] == 200), "{output:#}");
    assert_eq!(google.exchanges(), 1);
    bench.stop().await;
}

#[tokio::test]
async fn a_statement_that_google_refuses_is_told_by_a_code() {
    let host = unstarted();
    let google = Google::start(host.canaries(), HOUR).await;
    let api = google.api().await;
    let other = Google::key().replace(ACCOUNT, "another@project.iam.gserviceaccount.com");
    let bench = Bench::start(host, may_send(&api, "gcp:prod"), |sources| keyed(&google, &api, sources, &other)).await;
    let told =
        "credentials.invalid: the credential `gcp:prod`: the server that gives it out refused with 400 invalid_grant";
    assert_eq!(bench.get(&api, "/").await["sentence"], told);
    bench.write("key.json", "no key at all");
    let broken = bench.until(&api, "/", |answer| answer["sentence"] != told).await;
    let told = "credentials.invalid: the credential `gcp:prod`: its file is not the key of a service account in JSON";
    assert_eq!(broken["sentence"], told);
}

#[tokio::test]
async fn the_metadata_server_gives_tokens_that_are_renewed() {
    let host = unstarted();
    let google = Google::start(host.canaries(), Duration::from_secs(4)).await;
    let api = google.api().await;
    let address = google.metadata.url();
    let document = |_: &Path| {
        credential("gcp:here", &format!("metadata = \"default\"\nmetadata_address = \"{address}\"\n{}", to(&api)))
    };
    let bench = Bench::start(host, may_send(&api, "gcp:here"), document).await;
    for _ in 0..20 {
        assert_eq!(bench.get(&api, "/").await["status"], 200);
        tokio::time::sleep(Duration::from_millis(350)).await;
    }
    assert!((2..=5).contains(&google.exchanges()), "{} exchanges", google.exchanges());
}

#[tokio::test]
async fn a_server_that_does_not_say_it_is_google_s_is_not_believed() {
    let host = unstarted();
    let google = Google::start(host.canaries(), HOUR).await;
    let api = google.api().await;
    let address = google.service.url();
    let document = |_: &Path| {
        credential("gcp:here", &format!("metadata = \"default\"\nmetadata_address = \"{address}\"\n{}", to(&api)))
    };
    let bench = Bench::start(host, may_send(&api, "gcp:here"), document).await;
    let sentence = bench.get(&api, "/").await["sentence"].as_str().unwrap().to_owned();
    assert!(sentence.contains("what answered is not Google's metadata server"), "{sentence}");
}
