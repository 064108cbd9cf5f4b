//! Asking a registry: one request and its answer, read up to a limit.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde::Deserialize;
use troupe_core::{Code, Error, Result, limits};
use troupe_package::image::MANIFEST_MEDIA_TYPE;
use troupe_package::visible;

use super::authorize::{Login, challenged};
use super::fault::Fault;
use super::{ImageName, Tries, credentials};

/// How long it may take until a registry takes a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// How long a registry may be silent before and within an answer.
const SILENCE_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a document may take to come, byte by byte.
const DOCUMENT_TIME_MAX: Duration = Duration::from_secs(60);
/// How often a registry may send on to somewhere else, as those do whose blobs lie in a cloud.
const REDIRECTS_MAX: usize = 5;
/// As much as is read of the reason for a refusal, in bytes.
const REASON_BYTES_MAX: usize = 16 * 1024;

/// A repository of a registry that is talked to, with the credentials of this machine for it.
pub(super) struct Remote {
    client: Client,
    /// `https://registry.example.com/v2/agents/aws/`.
    repository: Url,
    login: Login,
    /// What the registry has wanted to be told of who asks.
    authorization: Mutex<Option<HeaderValue>>,
}

/// A request.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Ask {
    /// A request without a body.
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// The same with a header more.
    #[must_use]
    pub(super) fn with(mut self, name: reqwest::header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same with a body.
    #[must_use]
    pub(super) fn carrying(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }
}

impl Remote {
    /// Prepares to talk to the registry of an image.
    pub(super) async fn of(image: &ImageName) -> Result<Self> {
        let is_here = image.is_on_this_machine();
        let scheme = if is_here { "http" } else { "https" };
        let repository = format!("{scheme}://{}/v2/{}/", image.resolved(), image.repository());
        let repository = repository.parse().map_err(|error| {
            let message = format!("`{}` is not the address of a registry", image.registry());
            Error::new(Code::RequestInvalid, message).with_cause(error)
        })?;
        let redirects = Policy::custom(move |attempt| {
            if attempt.previous().len() > REDIRECTS_MAX {
                attempt.error("it sends on and on")
            } else if is_trusted(attempt.url(), is_here) {
                attempt.follow()
            } else {
                attempt.error("it sends on to where there is no TLS")
            }
        });
        let client = Client::builder()
            .connect_timeout(CONNECT_TIME_MAX)
            .read_timeout(SILENCE_TIME_MAX)
            .redirect(redirects)
            .user_agent(concat!("troupe/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(Error::internal)?;
        Ok(Self { client, repository, login: credentials::of(image).await?, authorization: Mutex::default() })
    }

    /// An address within the repository.
    pub(super) fn at(&self, path: &str) -> Result<Url> {
        self.repository.join(path).map_err(Error::internal)
    }

    /// Sends a request. Where the registry wants to be told who asks, that is found out and the
    /// request sent once more.
    pub(super) async fn send(&self, ask: &Ask) -> Result<Response, Fault> {
        let answer = self.once(ask).await?;
        if answer.status() != StatusCode::UNAUTHORIZED || !self.is_registry(&ask.url) {
            return judged(answer).await;
        }
        let challenges: Vec<_> = answer.headers().get_all(WWW_AUTHENTICATE).into_iter().cloned().collect();
        let refused = judged(answer).await;
        let Some(authorization) = challenged(&self.client, &self.login, &challenges, self.is_here()).await? else {
            return refused;
        };
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(authorization);
        judged(self.once(ask).await?).await
    }

    async fn once(&self, ask: &Ask) -> Result<Response, Fault> {
        let mut headers = ask.headers.clone();
        if self.is_registry(&ask.url)
            && let Some(told) = self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone()
        {
            headers.insert(AUTHORIZATION, told);
        }
        let request = self.client.request(ask.method.clone(), ask.url.clone()).headers(headers).body(ask.body.clone());
        Ok(request.send().await?)
    }

    /// Whether the registry is on this machine, where it is asked without TLS.
    fn is_here(&self) -> bool {
        self.repository.scheme() == "http"
    }

    /// Whether an address is the registry's own, which alone is told who asks.
    fn is_registry(&self, url: &Url) -> bool {
        url.origin() == self.repository.origin()
    }

    /// Where an answer says that something goes on; it may be elsewhere, and is never without TLS
    /// unless the registry is.
    pub(super) fn next(&self, answer: &Response) -> Result<Url, Fault> {
        let told = answer.headers().get(reqwest::header::LOCATION).and_then(|value| value.to_str().ok());
        let next = told.and_then(|told| answer.url().join(told).ok());
        next.filter(|next| is_trusted(next, self.is_here()))
            .ok_or_else(|| Fault::Ours(odd("does not say where an upload goes on, or says it goes on without TLS")))
    }

    /// An image's manifest, as the registry has it.
    pub(super) async fn manifest(&self, image: &ImageName) -> Result<Vec<u8>> {
        let ask = Ask::new(Method::GET, self.at(&format!("manifests/{}", image.named()))?)
            .with(ACCEPT, HeaderValue::from_static(MANIFEST_MEDIA_TYPE));
        let most = limits::IMAGE_DOCUMENT_BYTES_MAX;
        let mut tries = Tries::new();
        let manifest = loop {
            match async { document(self.send(&ask).await?, most).await }.await {
                Ok(manifest) => break manifest,
                Err(fault) => tries.again(image, fault).await?,
            }
        };
        manifest.map(Vec::from).ok_or_else(|| {
            let message = format!("the manifest of {image} has more than the {most} bytes it may have");
            Error::new(Code::ArtifactSize, message)
        })
    }
}

/// Whether something may be sent to an address: over TLS, or on this machine if the registry is.
pub(super) fn is_trusted(url: &Url, is_here: bool) -> bool {
    url.scheme() == "https"
        || (is_here && url.scheme() == "http" && url.host_str().is_some_and(super::name::is_loopback))
}

/// Reads an answer whole; nothing if it is longer than it may be.
pub(super) async fn document(mut answer: Response, most: usize) -> Result<Option<Bytes>, Fault> {
    let read = async {
        let mut came = BytesMut::new();
        while let Some(piece) = answer.chunk().await? {
            if came.len() + piece.len() > most {
                return Ok(None);
            }
            came.extend_from_slice(&piece);
        }
        Ok(Some(came.freeze()))
    };
    let in_time = tokio::time::timeout(DOCUMENT_TIME_MAX, read).await;
    in_time.unwrap_or_else(|_| Err(Fault::Ours(odd("takes too long for a short answer"))))
}

/// The answer if it is good, else why it is not.
async fn judged(answer: Response) -> Result<Response, Fault> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let pause = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let said = match document(answer, REASON_BYTES_MAX).await {
        Ok(Some(said)) => reason(&said),
        // Whatever else it says, it said no.
        Ok(None) | Err(_) => "a reason that was not read".to_owned(),
    };
    Err(Fault::Refused { status, said, pause: pause.map(Duration::from_secs) })
}

/// What a refusal says, as the distribution specification has it or as it stands.
fn reason(said: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Envelope {
        errors: Vec<Reason>,
    }
    #[derive(Deserialize)]
    struct Reason {
        code: String,
        #[serde(default)]
        message: Option<String>,
    }
    let told = match serde_json::from_slice::<Envelope>(said) {
        Ok(Envelope { errors }) => {
            let each = errors.into_iter().map(|Reason { code, message }| match message {
                Some(message) => format!("{code}, {message}"),
                None => code,
            });
            each.collect::<Vec<_>>().join("; ")
        }
        Err(_) => String::from_utf8_lossy(said).into_owned(),
    };
    visible(&told)
}

/// A registry that does not keep to the specification.
pub(super) fn odd(what: &str) -> Error {
    Error::new(Code::RegistryUnavailable, format!("the registry {what}"))
}
