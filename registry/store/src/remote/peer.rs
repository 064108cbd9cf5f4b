//! Fetching a release, or what a task has left, from another host of the same database.
//!
//! Nothing is taken on its word: the digest of the release stands in the database, and each blob is held against
//! the digest that it is named by there.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::AUTHORIZATION;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response, StatusCode};
use troupe_core::{Code, Digest, Error, Result, limits};
use troupe_package::{Part, Parts, Release};

/// How long it may take until a host takes a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(3);

/// A release as the host at `address` hands it over to whoever shows its `secret`.
///
/// # Errors
/// [`Code::RegistryNotFound`] and [`Code::RegistryUnavailable`]; the codes `artifact.*` if what it hands over is
/// not what it was asked for.
pub async fn handed_over(address: &str, secret: &str, digest: &Digest) -> Result<Release> {
    let client = client().timeout(limits::PEER_TIME_MAX).build().map_err(Error::internal)?;
    let peer = Peer { client, address, secret };
    let manifest = peer.blob(digest, limits::IMAGE_DOCUMENT_BYTES_MAX as u64).await?;
    let mut blobs = HashMap::new();
    for part in Parts::read(&manifest)?.all() {
        blobs.insert(part.digest, peer.blob(&part.digest, part.size).await?);
    }
    Release::from_blobs(&manifest, |digest, _| {
        let blob = blobs.remove(digest);
        blob.ok_or_else(|| Error::internal("a blob of a release was not asked for"))
    })
}

/// An artefact that another host hands over, piece by piece. Whoever takes them holds them against its digest.
#[derive(Debug)]
pub struct HandedOver(Response);

impl HandedOver {
    /// The next piece; none after the last.
    ///
    /// # Errors
    /// [`Code::RegistryUnavailable`] if the host breaks off or says nothing for too long.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        self.0.chunk().await.map_err(|error| {
            Error::new(Code::RegistryUnavailable, "another host broke off while it handed an artefact over")
                .with_cause(error)
        })
    }
}

/// Has the artefact of a digest handed over by the host at `address`, to whoever shows its `secret`. It may take
/// as long as it takes, but not be silent for long.
///
/// # Errors
/// [`Code::RegistryNotFound`] and [`Code::RegistryUnavailable`].
pub async fn artifact_handed_over(address: &str, secret: &str, digest: &Digest) -> Result<HandedOver> {
    let client = client().build().map_err(Error::internal)?;
    let peer = Peer { client, address, secret };
    peer.asked(&format!("artifacts/{digest}")).await.map(HandedOver)
}

fn client() -> ClientBuilder {
    Client::builder()
        .connect_timeout(CONNECT_TIME_MAX)
        .read_timeout(limits::PEER_SILENT_TIME_MAX)
        .redirect(Policy::none())
        .user_agent(concat!("troupe/", env!("CARGO_PKG_VERSION")))
}

struct Peer<'a> {
    client: Client,
    address: &'a str,
    secret: &'a str,
}

impl Peer<'_> {
    /// What the host answers who asks for `what`.
    async fn asked(&self, what: &str) -> Result<Response> {
        let asked = self.client.get(format!("{}/peer/v1/{what}", self.address.trim_end_matches('/')));
        let asked = asked.header(AUTHORIZATION, format!("Bearer {}", self.secret));
        let answer = asked.send().await.map_err(|error| self.unreached(what, error))?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            status => {
                let message = format!("the host at {} answers {status} to who asks for {what}", self.address);
                let code =
                    if status == StatusCode::NOT_FOUND { Code::RegistryNotFound } else { Code::RegistryUnavailable };
                Err(Error::new(code, message))
            }
        }
    }

    fn unreached(&self, what: &str, error: reqwest::Error) -> Error {
        let message = format!("the host at {} did not hand {what} over", self.address);
        Error::new(Code::RegistryUnavailable, message).with_cause(error)
    }

    /// A blob of at most so many bytes, held against its digest.
    async fn blob(&self, digest: &Digest, most: u64) -> Result<Vec<u8>> {
        let what = format!("blobs/{digest}");
        let mut answer = self.asked(&what).await?;
        let mut came = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| self.unreached(&what, error))? {
            if came.len() as u64 + piece.len() as u64 > most {
                let message = format!("the host at {} sends more of the blob {digest} than {most} bytes", self.address);
                return Err(Error::new(Code::ArtifactSize, message));
            }
            came.extend_from_slice(&piece);
        }
        Part { digest: *digest, size: came.len() as u64 }.verify(&came)?;
        Ok(came)
    }
}
