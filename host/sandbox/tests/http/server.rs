//! A server that answers whatever it is asked, and remembers it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How a request begins that is answered as another one.
const NEWEST: &str = "GET /newest ";

/// A server; it ends with the test's runtime.
#[derive(Clone)]
pub struct Server {
    pub port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    open: Arc<AtomicUsize>,
    open_most: Arc<AtomicUsize>,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_on("127.0.0.1:0").await
    }

    /// The same, listening elsewhere.
    pub async fn start_on(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            requests: Arc::default(),
            open: Arc::default(),
            open_most: Arc::default(),
        };
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(accepting.clone().serve(stream));
            }
        });
        server
    }

    /// The requests it got, as they came.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The most requests it was asked at once.
    pub fn open_most(&self) -> usize {
        self.open_most.load(Ordering::SeqCst)
    }

    async fn serve(self, mut stream: TcpStream) {
        while let Some(request) = read(&mut stream).await {
            let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
            self.open_most.fetch_max(open, Ordering::SeqCst);
            self.requests.lock().unwrap().push(request.clone());
            let mut answered = request.clone();
            while answered.starts_with(NEWEST) {
                tokio::time::sleep(Duration::from_millis(5)).await;
                let mut seen = self.requests().into_iter().rev();
                answered = seen.find(|seen| !seen.starts_with(NEWEST)).unwrap_or(answered);
            }
            let answer = self.answer(&answered).await;
            let written = stream.write_all(&answer).await;
            self.open.fetch_sub(1, Ordering::SeqCst);
            if written.is_err() {
                return;
            }
        }
    }
}

impl Server {
    /// `/busy/TIMES/STATUS?HEADER` (the first so many requests of a target are answered with that
    /// status), and all that needs no memory.
    async fn answer(&self, request: &str) -> Vec<u8> {
        let first = request.lines().next().unwrap_or_default();
        let Some(asked) = first.split(' ').nth(1).and_then(|target| target.strip_prefix("/busy/")) else {
            return answer(request).await;
        };
        let (path, header) = asked.split_once('?').unwrap_or((asked, "x-none=1"));
        let (times, status) = path.split_once('/').unwrap();
        let seen = self.requests().iter().filter(|seen| seen.lines().next() == Some(first)).count();
        if seen > times.parse().unwrap() {
            return b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhere".to_vec();
        }
        let header = header.replacen('=', ": ", 1);
        format!("HTTP/1.1 {status} Busy\r\ncontent-length: 4\r\n{header}\r\n\r\nbusy").into_bytes()
    }
}

/// `/newest` (what the newest other request is answered, once there is one), `/to?LOCATION`, `/redirect`, `/slow`, `/slow/MS`, `/bytes/COUNT`, `/encoded`, `/secret/AT` (a megabyte
/// behind the credential, and so many bytes before it); everything else is an echo of the whole
/// request, in the body and in a header.
async fn answer(request: &str) -> Vec<u8> {
    let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let plain = |status: &str, headers: &str, body: &[u8]| {
        let mut answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
        answer.extend(body);
        answer
    };
    if let Some((_, location)) = target.split_once("/to?") {
        return plain("302 Found", &format!("location: {location}\r\n"), b"over there");
    }
    if target.starts_with("/redirect") {
        return plain("302 Found", "location: http://169.254.169.254/latest/meta-data/\r\n", b"");
    }
    if let Some(time) = target.strip_prefix("/slow") {
        let time = time.strip_prefix('/').map_or(30, |time| time.parse().unwrap());
        tokio::time::sleep(Duration::from_millis(time)).await;
        return plain("200 OK", "", b"slow");
    }
    if let Some(count) = target.strip_prefix("/bytes/") {
        return plain("200 OK", "", &vec![b'y'; count.parse().unwrap()]);
    }
    if let Some(at) = target.strip_prefix("/secret/") {
        let line = request.lines().find(|line| line.starts_with("authorization: Bearer ")).unwrap();
        let mut body = vec![b'y'; at.parse().unwrap()];
        body.extend(line.rsplit_once(' ').unwrap().1.as_bytes());
        body.extend(vec![b'z'; 1 << 20]);
        return plain("200 OK", "", &body);
    }
    if target.starts_with("/encoded") {
        return plain("200 OK", "content-encoding: gzip\r\n", b"\x1f\x8b");
    }
    let mirrored: String =
        request.lines().filter(|line| line.to_ascii_lowercase().starts_with("authorization: ")).collect();
    plain("200 OK", &format!("x-mirror: {mirrored}\r\n"), request.as_bytes())
}

async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(text.into_owned());
            }
        }
        let count = stream.read(&mut piece).await.ok()?;
        if count == 0 {
            return None;
        }
        bytes.extend(&piece[..count]);
    }
}
