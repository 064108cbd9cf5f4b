//! The load tool of the figures that are about a door: connections that ask again as soon as they
//! are answered.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::host::Failure;

/// Connections that ask at once.
pub const CONNECTIONS: usize = 32;

/// Asks a server the same again and again; returns how many answers came a second. Every answer has
/// to be a good one.
pub async fn ask(server: SocketAddr, request: &Request<Bytes>, time: Duration) -> Result<f64, Failure> {
    let until = Instant::now() + time;
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let request = request.clone();
        connections.spawn(async move { connection(server, request, until).await.map_err(|error| error.to_string()) });
    }
    let mut answers = 0_u32;
    while let Some(connection) = connections.join_next().await {
        answers += connection??;
    }
    Ok(f64::from(answers) / time.as_secs_f64())
}

async fn connection(server: SocketAddr, request: Request<Bytes>, until: Instant) -> Result<u32, Failure> {
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut answers = 0;
    while Instant::now() < until {
        sender.ready().await?;
        let answer = sender.send_request(request.clone().map(Full::new)).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if status != StatusCode::OK {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
        }
        answers += 1;
    }
    Ok(answers)
}
