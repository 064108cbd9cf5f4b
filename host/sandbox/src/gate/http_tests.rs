use serde_json::{Value, json};

use super::*;

fn grants(http: Value) -> Grants {
    serde_json::from_value(json!({ "http": http })).unwrap()
}

fn decide(http: Value, ceiling: Effect, method: &str, url: &str, credential: Option<&str>) -> Result<HttpPermit> {
    let (uri, headers, body) = (url.parse().unwrap(), HeaderMap::new(), Bytes::new());
    let ask = HttpAsk { method: &method.parse().unwrap(), uri: &uri, headers: &headers, body: &body, credential };
    authorize(&grants(http), ceiling, &ask)
}

fn refusal(http: Value, method: &str, url: &str) -> String {
    decide(http, Effect::Destructive, method, url, None).unwrap_err().message
}

#[test]
fn a_refusal_names_the_part_that_was_missing() {
    let http = || json!([{ "id": "a", "host": "a.example.com", "path_prefix": "/v1/", "methods": ["GET", "PUT"] }]);
    assert_missing(
        &refusal(http(), "GET", "http://a.example.com/v1/"),
        "no grant of `http` leads to http://a.example.com",
    );
    assert_missing(
        &refusal(http(), "GET", "https://a.example.com/v2/"),
        "no grant of https://a.example.com admits the path `/v2/`",
    );
    assert_missing(
        &refusal(http(), "POST", "https://a.example.com/v1/"),
        "no grant of https://a.example.com admits POST at this path",
    );
    assert_missing(
        &refusal(json!([]), "GET", "https://a.example.com/"),
        "no grant of `http` leads to https://a.example.com",
    );
}

fn assert_missing(said: &str, why: &str) {
    assert_eq!(said, format!("{why}; the manifest must ask for it and the operator grant it"));
}

#[test]
fn all_parts_must_stand_in_one_grant() {
    let http = json!([
        { "id": "a", "host": "a.example.com", "path_prefix": "/read/", "methods": ["GET"] },
        { "id": "b", "host": "a.example.com", "path_prefix": "/write/", "methods": ["PUT"] },
    ]);
    decide(http.clone(), Effect::Write, "PUT", "https://a.example.com/write/x", None).unwrap();
    assert!(refusal(http, "PUT", "https://a.example.com/read/x").contains("admits PUT at this path"));
}

#[test]
fn the_credential_of_one_grant_does_not_serve_another() {
    let http = json!([
        { "id": "a", "host": "a.example.com", "path_prefix": "/in/", "credential": "token:a" },
        { "id": "b", "host": "a.example.com" },
    ]);
    let outside = decide(http.clone(), Effect::Read, "GET", "https://a.example.com/out", None).unwrap();
    assert_eq!(outside.credential(), None);
    let error = decide(http.clone(), Effect::Read, "GET", "https://a.example.com/out", Some("token:a")).unwrap_err();
    assert!(error.message.contains("goes with the credential `token:a`"), "{error}");
    assert_eq!(error.code, Code::DeniedSecret);
    let inside = decide(http, Effect::Read, "GET", "https://a.example.com/in/x", Some("token:a")).unwrap();
    assert_eq!(inside.credential(), Some("token:a"));
}

#[test]
fn e54_a_credential_that_is_named_goes_with_scheme_host_port_and_path_or_not_at_all() {
    let http = json!([
        { "id": "a", "host": "a.example.com", "path_prefix": "/in/", "credential": "token:a" },
        { "id": "b", "host": "b.example.com" },
    ]);
    let ask = |url: &str, name: &str| decide(http.clone(), Effect::Read, "GET", url, Some(name));
    assert_eq!(ask("https://a.example.com/in/x", "token:a").unwrap().credential(), Some("token:a"));
    for url in [
        "https://b.example.com/",
        "http://a.example.com/in/x",
        "https://a.example.com:8443/in/x",
        "https://a.example.com/out",
        "https://a.example.com/in/../out",
        "https://evil.example/",
    ] {
        assert_eq!(ask(url, "token:a").unwrap_err().code, Code::DeniedSecret, "{url}");
        assert_eq!(ask(url, "token:b").unwrap_err().code, Code::DeniedCapability, "{url}");
    }
}

#[test]
fn a_private_place_is_open_by_the_grant_that_says_so() {
    let private = |host: &str, private: bool| {
        let http = json!([{ "id": "a", "host": host, "private": private }]);
        decide(http, Effect::Read, "GET", &format!("https://{host}/"), None).unwrap().private()
    };
    assert!(!private("db.internal", false) && private("db.internal", true));
    assert!(private("10.0.0.1", false));
}

#[test]
fn an_s3_request_is_named_by_method_path_and_query() {
    let http = json!([{
        "id": "s3", "host": "s3.*.amazonaws.com", "methods": ["GET", "DELETE"], "credential": "aws:default",
        "actions": ["s3:ListObjectsV2", "s3:GetObject"],
    }]);
    let decide = |method: &str, target: &str| {
        let url = format!("https://s3.eu-west-1.amazonaws.com{target}");
        decide(http.clone(), Effect::Destructive, method, &url, None)
    };
    let permit = decide("GET", "/bucket?list-type=2").unwrap();
    assert_eq!(permit.action().unwrap().to_string(), "s3:ListObjectsV2");
    assert_eq!((permit.effect(), permit.action().unwrap().region.as_str()), (Effect::Read, "eu-west-1"));
    for (method, target) in [("GET", "/bucket?policy"), ("DELETE", "/bucket/key"), ("GET", "/"), ("GET", "/b/../c/k")] {
        assert_eq!(decide(method, target).unwrap_err().code, Code::DeniedCapability, "{method} {target}");
    }
}

#[test]
fn a_grant_that_can_never_work_is_found_when_it_is_accepted() {
    let of = |action: &str| {
        let http = json!([{ "id": "s3", "host": "s3.amazonaws.com", "credential": "aws:a", "actions": [action] }]);
        check_grants(&grants(http))
    };
    of("s3:List*").unwrap();
    let error = of("s3:ListBucket").unwrap_err();
    assert!(error.message.starts_with("http capability `s3`: the action `s3:ListBucket` fits no operation"), "{error}");
}
