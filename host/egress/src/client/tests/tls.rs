//! Encrypted connections.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use troupe_core::Code;

use super::server::{Answers, get, options};
use crate::{AddressPolicy, Client, ClientConfig, Exemption, TlsRoots};

/// A server for `secure.example` that answers with the name it was asked for.
async fn server() -> (u16, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["secure.example".to_owned()]).unwrap();
    let certificate = cert.der().clone();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let name = stream.get_ref().1.server_name().unwrap_or("none").to_owned();
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0, "the request fits one read");
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{name}", name.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (port, certificate)
}

async fn send(host: &str, port: u16, roots: TlsRoots) -> troupe_core::Result<bytes::Bytes> {
    let resolver = Answers::new(&[&[&format!("127.0.0.1:{port}")]]);
    let client = Client::new(ClientConfig { resolver, roots, ..ClientConfig::default() });
    let policy = AddressPolicy::default().with(Exemption::Granted { host: host.into(), port });
    client.send(get(&format!("https://{host}:{port}/")), &options(policy)).await?.body.collect().await
}

#[tokio::test]
async fn the_server_is_told_and_must_prove_the_uri_s_host() {
    let (port, certificate) = server().await;
    let roots = TlsRoots::Only(vec![certificate]);
    assert_eq!(send("secure.example", port, roots.clone()).await.unwrap(), "secure.example");
    let error = send("other.example", port, roots).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::UnavailableUpstream, false));
    assert_eq!(error.details["sent"], false);
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let (port, _) = server().await;
    let (_, another) = server().await;
    let error = send("secure.example", port, TlsRoots::Only(vec![another])).await.unwrap_err();
    assert_eq!(error.code, Code::UnavailableUpstream);
    insta::assert_snapshot!(error.message, @"the certificate of `secure.example` is not trusted by this host");
}
