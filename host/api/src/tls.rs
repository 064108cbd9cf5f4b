//! TLS on the host's own port: one certificate for every door, renewed without a restart.
//!
//! The attack: whoever is on the way between a client and the host reads tokens and what agents answer.
//! The rule: with a certificate the port speaks TLS 1.3 or 1.2 by rustls on ring, and nothing in the
//! clear. The two files are looked at now and then; a renewed certificate is served to whoever connects
//! from then on. While what is there does not parse, or key and certificate do not belong together, the
//! old one serves on and the log says why: a renewal writes two files, one after the other.
//! The default: without one the port speaks in the clear, and listens to this machine alone.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use troupe_core::{Code, Digest, Error, Result, limits};

/// What clients may speak inside (RFC 7301), the better first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificate that a host serves with, as it now is.
#[derive(Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    /// What the two files held when they were last looked at.
    seen: (Digest, Digest),
}

impl Tls {
    /// Reads a chain of certificates, the host's own first, and its private key, both PEM.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] naming the file and what is wrong with it.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self> {
        let texts = (read(certificate, "--tls-cert")?, read(key, "--tls-key")?);
        let config = configure(certificate, &texts.0, key, &texts.1)?;
        let current = RwLock::new(Current { config, seen: (Digest::of(&texts.0), Digest::of(&texts.1)) });
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), current })
    }

    /// What shakes hands with the next client.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&current.config))
    }

    /// Looks whether the files have changed, for as long as it is polled.
    pub(crate) async fn renew(self: Arc<Self>) {
        // What is wrong is said once, however long it stays so.
        let mut said = String::new();
        loop {
            tokio::time::sleep(limits::TLS_LOOK_EVERY).await;
            let tls = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || tls.look()).await {
                Ok(Ok(true)) => {
                    said.clear();
                    tracing::info!("the certificate was renewed and serves whoever connects from now on");
                }
                Ok(Ok(false)) => {}
                Ok(Err(error)) if error.message == said => {}
                Ok(Err(error)) => {
                    let cause = error.cause_chain();
                    tracing::warn!(cause, "the certificate was not renewed, and the one before serves on: {error}");
                    said = error.message;
                }
                Err(_) => return,
            }
        }
    }

    /// Takes what the files hold now; returns whether that is something new.
    fn look(&self) -> Result<bool> {
        let texts = (read(&self.certificate, "--tls-cert")?, read(&self.key, "--tls-key")?);
        let seen = (Digest::of(&texts.0), Digest::of(&texts.1));
        if self.current.read().unwrap_or_else(PoisonError::into_inner).seen == seen {
            return Ok(false);
        }
        let config = configure(&self.certificate, &texts.0, &self.key, &texts.1);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.seen = seen;
        current.config = config?;
        Ok(true)
    }
}

fn wrong(option: &str, path: &Path, what: impl std::fmt::Display) -> Error {
    Error::new(Code::CredentialsInvalid, format!("`{option} {}` {what}", path.display()))
}

fn read(path: &Path, option: &str) -> Result<Vec<u8>> {
    let unreadable = |cause: std::io::Error| match cause.kind() {
        std::io::ErrorKind::NotFound => wrong(option, path, "is not there; name a PEM file"),
        std::io::ErrorKind::PermissionDenied => {
            wrong(option, path, "may not be read by this user; let it read the file, or name another")
        }
        _ => wrong(option, path, "cannot be read; name a PEM file").with_cause(cause),
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = Vec::new();
    let most = limits::CREDENTIALS_BYTES_MAX as u64;
    file.take(most + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > most {
        return Err(wrong(option, path, format_args!("has more than {}; a PEM file has less", limits::bytes(most))));
    }
    Ok(text)
}

fn configure(certificate: &Path, chain: &[u8], key: &Path, secret: &[u8]) -> Result<Arc<ServerConfig>> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(chain).collect::<std::result::Result<_, _>>().map_err(|cause| {
            wrong("--tls-cert", certificate, "is no PEM; it holds the host's certificate, then those that signed it")
                .with_cause(cause)
        })?;
    if chain.is_empty() {
        let message = "holds no certificate; it begins with `-----BEGIN CERTIFICATE-----`";
        return Err(wrong("--tls-cert", certificate, message));
    }
    let secret = PrivateKeyDer::from_pem_slice(secret).map_err(|cause| {
        let message = "holds no private key that is not encrypted; it begins with `-----BEGIN PRIVATE KEY-----`";
        wrong("--tls-key", key, message).with_cause(cause)
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(Error::internal)?.with_no_client_auth();
    let mut config = builder.with_single_cert(chain, secret).map_err(|cause| match cause {
        rustls::Error::InconsistentKeys(_) => {
            let certificate = certificate.display();
            wrong("--tls-key", key, format_args!("is not the key of the first certificate in `{certificate}`"))
        }
        cause => {
            let message = "cannot be served with this key: the certificate is malformed, or the key of a kind that TLS does not take";
            wrong("--tls-cert", certificate, message).with_cause(cause)
        }
    })?;
    config.alpn_protocols = PROTOCOLS.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(config))
}
