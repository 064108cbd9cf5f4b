use serde_json::json;

use super::*;

fn grants() -> Grants {
    serde_json::from_value(json!({ "secrets": [
        { "name": "wiki", "host": "wiki.example.com", "path_prefix": "/api/" },
        { "name": "chat", "host": "chat.example.com" },
    ] }))
    .unwrap()
}

fn reference(references: &References, name: &str) -> String {
    let call = SecretsCall::Reference { name: name.to_owned() };
    references.give(authorize(&grants(), &call).unwrap())
}

fn place(references: &References, uri: &str, header: &str, body: &str) -> Result<PlacingPermit> {
    let mut headers = HeaderMap::new();
    headers.insert("x-key", header.parse().unwrap());
    authorize_placing(&grants(), references, &uri.parse().unwrap(), &headers, body.as_bytes())
}

#[test]
fn a_reference_is_given_for_what_is_granted_and_tells_nothing() {
    let references = References::new([7; 32]);
    let wiki = reference(&references, "wiki");
    assert_eq!(wiki, reference(&References::new([7; 32]), "wiki"));
    assert_ne!(wiki, reference(&references, "chat"));
    assert_ne!(wiki, reference(&References::new([8; 32]), "wiki"));
    assert!(is_reference(wiki.as_bytes()) && !wiki.contains("wiki"));
    let ask = |name: &str| authorize(&grants(), &SecretsCall::Reference { name: name.to_owned() }).unwrap_err();
    assert!(
        matches!(ask("other"), Answer::Denied { message, .. } if message.starts_with("no grant of `secrets` names `other`"))
    );
    assert!(matches!(ask("../x"), Answer::Invalid(_)));
}

#[test]
fn e54_a_reference_is_replaced_on_the_way_that_its_grant_names_and_on_no_other() {
    let references = References::new([7; 32]);
    let wiki = reference(&references, "wiki");
    let places = |uri: &str| place(&references, uri, &wiki, &format!("{{\"key\":\"{wiki}\"}}"));
    let permit = places("https://wiki.example.com/api/x").unwrap();
    assert_eq!(permit.places(), [Place { reference: wiki.clone(), name: "wiki".to_owned() }]);
    for uri in [
        "http://wiki.example.com/api/x",
        "https://wiki.example.com:8443/api/x",
        "https://wiki.example.com/other",
        "https://wiki.example.com/api/../other",
        "https://chat.example.com/api/x",
        "https://evil.example/api/x",
    ] {
        assert_eq!(places(uri).unwrap_err().code, Code::DeniedSecret, "{uri}");
    }
}

#[test]
fn a_url_carries_no_secret() {
    let references = References::new([7; 32]);
    let wiki = reference(&references, "wiki");
    let error = place(&references, &format!("https://wiki.example.com/api/?key={wiki}"), "", "").unwrap_err();
    assert_eq!((error.code, error.message.contains("not placed in a URL")), (Code::DeniedSecret, true));
}

#[test]
fn a_reference_of_another_invocation_is_worth_nothing() {
    let old = reference(&References::new([6; 32]), "wiki");
    let references = References::new([7; 32]);
    let in_header = place(&references, "https://wiki.example.com/api/x", &old, "").unwrap_err();
    assert!(in_header.message.contains("this invocation was not given"), "{in_header}");
    reference(&references, "chat");
    place(&references, "https://wiki.example.com/api/x", "", &old).unwrap_err();
}

#[test]
fn how_many_references_a_request_carries_is_bounded() {
    let references = References::new([7; 32]);
    let wiki = reference(&references, "wiki");
    let most = limits::SECRET_REFERENCES_MAX;
    place(&references, "https://wiki.example.com/api/x", "", &wiki.repeat(most)).unwrap();
    let error = place(&references, "https://wiki.example.com/api/x", &wiki, &wiki.repeat(most)).unwrap_err();
    assert_eq!(error.code, Code::LimitTransfer);
}

#[test]
fn a_value_that_is_a_reference_holds_nothing_else() {
    let wiki = reference(&References::new([7; 32]), "wiki");
    for good in [wiki.clone(), format!("Bearer {wiki}"), format!("Api-Key {wiki}")] {
        assert!(is_reference(good.as_bytes()), "{good}");
    }
    for bad in [
        String::new(),
        "Bearer my-own-token".to_owned(),
        format!("Bearer  {wiki}"),
        format!("Bearer mine, {wiki}"),
        format!("{wiki}{wiki}"),
        format!("{wiki} mine"),
        format!("{wiki} {wiki}"),
        format!("tok123 {wiki}"),
        format!("a-word-of-more-than-twenty-letters {wiki}"),
        format!("Bearer {wiki}x"),
    ] {
        assert!(!is_reference(bad.as_bytes()), "{bad}");
    }
}
