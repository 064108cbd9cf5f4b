//! What may be reached.

use troupe_core::Code;

use super::server::{Answers, Server, client, client_with, get, options};
use crate::{AddressPolicy, Authority, Endpoint, Exemption};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn a_private_address_is_refused_before_a_connection_is_made() {
    let server = Server::answering(OK).await;
    let error = client().send(get(&server.url("/")), &options(AddressPolicy::default())).await.unwrap_err();
    assert_eq!(error.code, Code::DeniedEgress);
    assert_eq!(error.details["sent"], false);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn e49_a_name_that_leads_inside_is_refused() {
    for answer in [&["169.254.169.254:80"][..], &["127.0.0.1:80", "[::1]:80"], &["[::ffff:10.0.0.1]:80"]] {
        let client = client_with(Answers::new(&[answer]));
        let error =
            client.send(get("http://files.example.com/"), &options(AddressPolicy::default())).await.unwrap_err();
        assert_eq!(error.code, Code::DeniedEgress, "{answer:?}");
        assert!(error.message.contains("`files.example.com`"), "{}", error.message);
    }
}

#[tokio::test]
async fn e48_what_was_checked_is_dialled_even_if_the_name_would_lead_elsewhere_next() {
    let server = Server::answering(OK).await;
    let port = server.address.port();
    let answers = Answers::new(&[&[&server.address.to_string()], &[&format!("127.0.0.2:{port}")]]);
    let policy = AddressPolicy::default().with(Exemption::Granted { host: "flips.example".into(), port });
    let client = client_with(answers.clone());
    let response = client.send(get(&format!("http://flips.example:{port}/")), &options(policy)).await.unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(answers.left(), 1, "the name was resolved once");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn of_several_addresses_only_the_admitted_are_dialled() {
    let server = Server::answering(OK).await;
    let port = server.address.port();
    // Link-local is never admitted for a name, loopback is by the exemption.
    let answers = Answers::new(&[&[&format!("169.254.169.254:{port}"), &server.address.to_string()]]);
    let policy = AddressPolicy::default().with(Exemption::Granted { host: "mixed.example".into(), port });
    let client = client_with(answers);
    let response = client.send(get(&format!("http://mixed.example:{port}/")), &options(policy)).await.unwrap();
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn the_host_s_own_port_is_refused_to_a_grant_and_open_to_a_mapping() {
    let server = Server::answering(OK).await;
    let (host, port) = (server.address.ip().to_string(), server.address.port());
    let own = AddressPolicy::new([server.address]);
    let granted = own.clone().with(Exemption::Granted { host, port });
    let error = client().send(get(&server.url("/")), &options(granted)).await.unwrap_err();
    assert_eq!(error.code, Code::DeniedEgress);
    assert_eq!(server.connections(), 0);

    let mapping = Endpoint::parse(&server.url("")).unwrap();
    let uri = mapping.apply(&"https://ec2.us-east-1.amazonaws.com/path".parse().unwrap()).unwrap();
    let mapped = own.with(mapping.exemption());
    let response = client().send(get(&uri.to_string()), &options(mapped)).await.unwrap();
    assert_eq!(response.status, 200);
    assert!(server.heads()[0].starts_with("get /path http/1.1\r\n"));
}

#[tokio::test]
async fn an_address_of_ipv6_is_open_by_its_exemption_and_by_a_mapping() {
    let server = Server::scripted_on("[::1]:0", |mut peer| async move {
        peer.read_request().await;
        peer.write(OK).await;
    })
    .await;
    let url = server.url("/");
    let error = client().send(get(&url), &options(AddressPolicy::default())).await.unwrap_err();
    assert_eq!(error.code, Code::DeniedEgress);
    let authority = Authority::of(&url.parse().unwrap()).unwrap();
    let granted = Exemption::Granted { host: authority.host, port: authority.port };
    for exemption in [granted, Endpoint::parse(&server.url("")).unwrap().exemption()] {
        let policy = AddressPolicy::default().with(exemption);
        assert_eq!(client().send(get(&url), &options(policy)).await.unwrap().status, 200);
    }
    assert!(server.heads()[0].contains(&format!("host: {}\r\n", server.address)));
}

#[tokio::test]
async fn a_pooled_connection_is_closed_to_a_policy_that_would_not_have_dialled_it() {
    let server = Server::answering(OK).await;
    let client = client();
    client.send(get(&server.url("/")), &server.options()).await.unwrap().body.collect().await.unwrap();
    let error = client.send(get(&server.url("/")), &options(AddressPolicy::default())).await.unwrap_err();
    assert_eq!(error.code, Code::DeniedEgress);
    assert_eq!(server.heads().len(), 1);
}

#[tokio::test]
async fn a_closed_port_is_unavailable_and_nothing_was_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let policy = AddressPolicy::default().with(Exemption::Granted { host: "127.0.0.1".into(), port: address.port() });
    let error = client().send(get(&format!("http://{address}/")), &options(policy)).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::UnavailableUpstream, true));
    assert_eq!(error.details["sent"], false);
}
