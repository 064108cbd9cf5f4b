//! TLS towards servers: rustls on ring, one configuration per client.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use troupe_core::{Code, Error, Result};

/// Whose certificates are trusted.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum TlsRoots {
    /// The authorities that the machine's other programs trust, private ones of the
    /// operator included; `SSL_CERT_FILE` and `SSL_CERT_DIR` count. They are read when
    /// the first `https` request is sent.
    #[default]
    System,
    /// These authorities alone.
    Only(Vec<CertificateDer<'static>>),
}

/// Has every library of this process that speaks TLS do so on ring. Whoever makes an HTTP client
/// of another library calls this before; calling it again changes nothing.
pub fn install_tls() {
    // It fails if another is installed, and there is no other.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Makes TLS connections.
#[derive(Debug)]
pub(crate) struct Tls {
    roots: TlsRoots,
    config: OnceCell<Arc<ClientConfig>>,
}

impl Tls {
    pub(crate) const fn new(roots: TlsRoots) -> Self {
        Self { roots, config: OnceCell::const_new() }
    }

    /// Shakes hands over `stream`; the server must prove to be `host`.
    pub(crate) async fn connect(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>> {
        let config = self.config.get_or_try_init(|| configure(self.roots.clone())).await?;
        let name = ServerName::try_from(host.to_owned()).map_err(|cause| {
            Error::new(Code::DeniedEgress, format!("`{host}` cannot stand in a certificate")).with_cause(cause)
        })?;
        TlsConnector::from(Arc::clone(config)).connect(name, stream).await.map_err(|cause| {
            let untrusted = cause
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>())
                .is_some_and(|inner| matches!(inner, rustls::Error::InvalidCertificate(_)));
            let mut error = if untrusted {
                Error::new(
                    Code::UnavailableUpstream,
                    format!("the certificate of `{host}` is not trusted by this host"),
                )
            } else {
                Error::new(Code::UnavailableUpstream, format!("`{host}` did not complete the TLS handshake"))
            };
            error.retryable = !untrusted;
            error.with_cause(cause)
        })
    }
}

async fn configure(roots: TlsRoots) -> Result<Arc<ClientConfig>> {
    let store = match roots {
        TlsRoots::System => tokio::task::spawn_blocking(system_roots).await.map_err(Error::internal)??,
        TlsRoots::Only(certificates) => {
            let mut store = RootCertStore::empty();
            for certificate in certificates {
                store.add(certificate).map_err(Error::internal)?;
            }
            store
        }
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn system_roots() -> Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(found.certs);
    if added == 0 {
        let cause = found.errors.first().map_or_else(|| "no certificates found".to_owned(), ToString::to_string);
        return Err(Error::new(
            Code::UnavailableUpstream,
            "this host finds no trusted certificate authorities; install `ca-certificates` or set SSL_CERT_FILE",
        )
        .with_cause(cause));
    }
    Ok(store)
}
