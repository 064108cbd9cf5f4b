//! An OCI registry in memory, after the distribution specification 1.1, that can be told to
//! behave badly.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use troupe_core::Digest;

/// How a registry behaves.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// Blobs are broken off after this many bytes, this often.
    pub breaks_off: Option<(usize, u32)>,
    /// This many requests are answered with 503.
    pub is_busy: u32,
    /// What is sent to it is broken off after this many bytes of a request, this often; it keeps those.
    pub breaks_uploads: Option<(usize, u32)>,
    /// Blobs have their last byte changed.
    pub lies: bool,
    /// What goes on and on.
    pub never_ends: Option<Endless>,
    /// Credentials that every request must bring.
    pub wants: Option<(String, String)>,
    /// Those are not shown to it but to where tokens are given: here, or where this says.
    pub tokens: Option<Option<String>>,
    /// Where blobs are kept instead of here.
    pub sends_on: Option<String>,
}

/// An answer that does not end, or nearly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endless {
    /// A blob.
    Blob,
    /// A manifest.
    Manifest,
    /// A token.
    Token,
    /// The reason for a refusal.
    Refusal,
}

/// How long an answer is that does not end.
pub const ENDLESS_BYTES: usize = 64 << 20;

/// A token that is given to whoever brings the credentials that are wanted.
const TOKEN: &str = "token-of-the-registry";

#[derive(Debug, Default)]
struct Inside {
    manner: Manner,
    blobs: HashMap<String, Vec<u8>>,
    manifests: HashMap<String, Vec<u8>>,
    uploads: HashMap<String, Vec<u8>>,
    requests: Vec<String>,
    /// Requests that brought credentials or a token.
    told: usize,
    /// Bytes of answers that went out, and of blobs that came in.
    sent: usize,
    came: usize,
}

/// A registry, ended with this.
#[derive(Debug)]
pub struct Registry {
    port: u16,
    inside: Arc<Mutex<Inside>>,
    serving: JoinHandle<()>,
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A request, as far as a registry looks.
struct Request {
    method: String,
    path: String,
    query: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Registry {
    /// Starts one with nothing in it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let inside = Arc::new(Mutex::new(Inside::default()));
        let shared = Arc::clone(&inside);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { port, inside, serving }
    }

    /// Where images are: `HOST:PORT/agents`.
    pub fn prefix(&self) -> String {
        format!("127.0.0.1:{}/agents", self.port)
    }

    /// Where the images of the tenant `default` are.
    pub fn images(&self) -> String {
        format!("{}/default", self.prefix())
    }

    /// Behaves like this from now on.
    pub fn behave(&self, manner: Manner) {
        self.inside.lock().expect("a lock").manner = manner;
    }

    /// What was asked since it was asked last, as METHOD PATH.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.inside.lock().expect("a lock").requests)
    }

    /// How many requests brought credentials or a token so far.
    pub fn told(&self) -> usize {
        self.inside.lock().expect("a lock").told
    }

    /// Bytes of answers that went out since this was asked last.
    pub fn sent(&self) -> usize {
        std::mem::take(&mut self.inside.lock().expect("a lock").sent)
    }

    /// Bytes of blobs that came in since this was asked last.
    pub fn came(&self) -> usize {
        std::mem::take(&mut self.inside.lock().expect("a lock").came)
    }

    /// Puts an image under a tag, as whoever has taken the registry over.
    pub fn put(&self, tag: &str, image: &troupe_package::Image) {
        let mut inside = self.inside.lock().expect("a lock");
        for blob in image.layers.iter().chain([&image.config]) {
            inside.blobs.insert(blob.digest.to_string(), blob.bytes.clone());
        }
        let (repository, tag) = tag.split_once(':').expect("REPOSITORY:TAG");
        inside.manifests.insert(format!("/v2/{repository}/manifests/{tag}"), image.manifest.bytes.clone());
    }

    /// Takes a tag away.
    pub fn remove(&self, tag: &str) {
        let (repository, tag) = tag.split_once(':').expect("REPOSITORY:TAG");
        self.inside.lock().expect("a lock").manifests.remove(&format!("/v2/{repository}/manifests/{tag}"));
    }

    /// Changes a tag, as whoever has taken the registry over.
    pub fn retag(&self, from: &str, to: &str) {
        let mut inside = self.inside.lock().expect("a lock");
        let of = |tag: &str| {
            let (repository, tag) = tag.split_once(':').expect("REPOSITORY:TAG");
            format!("/v2/{repository}/manifests/{tag}")
        };
        let manifest = inside.manifests[&of(from)].clone();
        inside.manifests.insert(of(to), manifest);
    }
}

async fn serve(stream: TcpStream, inside: Arc<Mutex<Inside>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        let (answer, goes_on) = answer(&request, &inside);
        for piece in answer.chunks(64 << 10) {
            if stream.get_mut().write_all(piece).await.is_err() {
                return;
            }
            inside.lock().expect("a lock").sent += piece.len();
        }
        if !goes_on {
            break;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ').map(str::to_owned);
    let (method, target) = (first.next()?, first.next()?);
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().expect("a length"))];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request { method, path: path.to_owned(), query: query.to_owned(), headers, body })
}

/// The bytes of an answer, and whether the connection goes on.
fn answer(request: &Request, inside: &Mutex<Inside>) -> (Vec<u8>, bool) {
    let mut inside = inside.lock().expect("a lock");
    inside.requests.push(format!("{} {}", request.method, request.path));
    if inside.manner.is_busy > 0 {
        inside.manner.is_busy -= 1;
        return (said(503, &[], b""), true);
    }
    inside.told += usize::from(request.headers.contains_key("authorization"));
    if inside.manner.never_ends == Some(Endless::Refusal) {
        return (said(400, &[], &vec![b'x'; ENDLESS_BYTES]), true);
    }
    if let Some(refusal) = unknown(request, &inside) {
        return (refusal, true);
    }
    match (request.method.as_str(), request.path.as_str()) {
        (_, "/v2/") => (said(200, &[], b""), true),
        ("GET", path) if path.contains("/uploads/") => {
            let Some(came) = inside.uploads.get(path) else { return (said(404, &[], b""), true) };
            let range = format!("0-{}", came.len().saturating_sub(1));
            (said(204, &[("location", path), ("range", &range)], b""), true)
        }
        ("GET", path) if path.contains("/blobs/") => match &inside.manner.sends_on {
            Some(elsewhere) => (said(307, &[("location", &format!("{elsewhere}{path}"))], b""), true),
            None => blob(request, &mut inside),
        },
        (method, path) if path.contains("/blobs/") && !path.contains("/uploads/") => {
            let there = inside.blobs.contains_key(digest_of(path));
            (said(if there && method == "HEAD" { 200 } else { 404 }, &[], b""), true)
        }
        (method, path) if path.contains("/uploads/") => upload(method, request, &mut inside),
        ("PUT", path) => {
            let digest = Digest::of(&request.body).to_string();
            inside.manifests.insert(path.to_owned(), request.body.clone());
            let by_digest = format!("{}/{digest}", path.rsplit_once('/').map_or("", |(before, _)| before));
            inside.manifests.insert(by_digest, request.body.clone());
            (said(201, &[("location", path), ("docker-content-digest", &digest)], b""), true)
        }
        (_, path) if path.contains("/manifests/") && inside.manner.never_ends == Some(Endless::Manifest) => {
            (said(200, &[], &vec![b' '; ENDLESS_BYTES]), true)
        }
        (_, path) => match inside.manifests.get(path) {
            Some(manifest) => {
                let digest = Digest::of(manifest).to_string();
                let kind = ("content-type", "application/vnd.oci.image.manifest.v1+json");
                let body = if request.method == "HEAD" { &[][..] } else { manifest };
                (said(200, &[kind, ("docker-content-digest", &digest)], body), true)
            }
            None => {
                let error = br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no such manifest"}]}"#;
                (said(404, &[("content-type", "application/json")], error), true)
            }
        },
    }
}

fn digest_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(_, digest)| digest)
}

fn blob(request: &Request, inside: &mut Inside) -> (Vec<u8>, bool) {
    let Some(bytes) = inside.blobs.get(digest_of(&request.path)) else { return (said(404, &[], b""), true) };
    let mut bytes = bytes.clone();
    let manner = &mut inside.manner;
    if manner.lies
        && let Some(last) = bytes.last_mut()
    {
        *last ^= 1;
    }
    if manner.never_ends == Some(Endless::Blob) {
        bytes.resize(ENDLESS_BYTES, b'x');
    }
    let from =
        request.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let from: usize = from.unwrap_or(0);
    let rest = bytes.get(from..).unwrap_or_default();
    let mut answer = said(if from > 0 { 206 } else { 200 }, &[], rest);
    if let Some((after, times @ 1..)) = manner.breaks_off
        && rest.len() > after
    {
        manner.breaks_off = Some((after, times - 1));
        answer.truncate(answer.len() - rest.len() + after);
        return (answer, false);
    }
    (answer, true)
}

/// What is said to whoever does not say who it is; or the token that was asked for.
fn unknown(request: &Request, inside: &Inside) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let (user, password) = inside.manner.wants.as_ref()?;
    let brings = request.headers.get("authorization").map(String::as_str).unwrap_or_default();
    let basic = format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}")));
    let Some(realm) = &inside.manner.tokens else {
        let challenge = [("www-authenticate", "Basic realm=\"here\"")];
        return (brings != basic).then(|| said(401, &challenge, b""));
    };
    if request.path == "/token" {
        if inside.manner.never_ends == Some(Endless::Token) {
            return Some(said(200, &[], &vec![b' '; ENDLESS_BYTES]));
        }
        // A name and a password, or what `docker login` keeps of them with some registries.
        let refresh = format!("refresh_token={password}");
        let form = String::from_utf8_lossy(&request.body).into_owned();
        let asked = if form.is_empty() { &request.query } else { &form };
        assert!(asked.contains("service=registry.test") && asked.contains("scope=repository%3A"), "{asked}");
        let good = if request.method == "POST" { form.contains(&refresh) } else { brings == basic };
        let token = format!("{{\"access_token\":\"{TOKEN}\"}}");
        return Some(if good { said(200, &[], token.as_bytes()) } else { said(401, &[], b"") });
    }
    let host = request.headers.get("host").map(String::as_str).unwrap_or_default();
    let realm = realm.clone().unwrap_or_else(|| format!("http://{host}/token"));
    let challenge =
        format!("Bearer realm=\"{realm}\",service=\"registry.test\",scope=\"repository:agents/echo:pull,push\"");
    (brings != format!("Bearer {TOKEN}")).then(|| said(401, &[("www-authenticate", &challenge)], b""))
}

fn upload(method: &str, request: &Request, inside: &mut Inside) -> (Vec<u8>, bool) {
    if method == "POST" {
        let place = format!("{}{}", request.path, inside.uploads.len());
        inside.uploads.insert(place.clone(), Vec::new());
        return (said(202, &[("location", &place)], b""), true);
    }
    let Some(came) = inside.uploads.get_mut(&request.path) else { return (said(404, &[], b""), true) };
    // A piece begins where the one before it ended.
    let begins = request.headers.get("content-range").and_then(|range| range.split_once('-')?.0.parse().ok());
    if begins.is_some_and(|begins: usize| begins != came.len()) {
        return (said(416, &[], b""), true);
    }
    if let Some((after, times @ 1..)) = inside.manner.breaks_uploads
        && request.body.len() > after
    {
        inside.manner.breaks_uploads = Some((after, times - 1));
        came.extend_from_slice(request.body.get(..after).unwrap_or_default());
        inside.came += after;
        return (Vec::new(), false);
    }
    came.extend_from_slice(&request.body);
    inside.came += request.body.len();
    if method == "PATCH" {
        let range = format!("0-{}", came.len().saturating_sub(1));
        return (said(202, &[("location", &request.path), ("range", &range)], b""), true);
    }
    let named = request.query.strip_prefix("digest=").unwrap_or_default().replace("%3A", ":");
    let bytes = inside.uploads.remove(&request.path).unwrap_or_default();
    if Digest::of(&bytes).to_string() != named {
        return (said(400, &[], br#"{"errors":[{"code":"DIGEST_INVALID","message":"other bytes"}]}"#), true);
    }
    inside.blobs.insert(named.clone(), bytes);
    (said(201, &[("location", &named)], b""), true)
}

fn said(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} so\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let mut answer = text.into_bytes();
    answer.extend_from_slice(body);
    answer
}
