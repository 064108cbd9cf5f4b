//! The server: accepts connections within a bound, and stops politely.
//!
//! The attack: connections that are opened and left silent, until no other is taken. The
//! rule: HTTP/1.1 alone, whose one timer runs from the connection, and from each answer,
//! to the end of the next request's head; and when all are taken, whoever has not asked
//! anything yet makes room (`crowd.rs`).

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use troupe_core::{Code, Error, Result, limits};

use crate::crowd::{Asked, Crowd, Place};

/// A listening socket that does not serve yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    stop: watch::Sender<bool>,
}

/// Stops a server from elsewhere.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Takes no further connection and lets open requests end.
    pub fn stop(&self) {
        let _ = self.0.send(true);
    }
}

impl Server {
    /// Takes the address.
    ///
    /// # Errors
    /// [`Code::AddressInUse`] if another process has it.
    pub async fn bind(address: SocketAddr) -> Result<Self> {
        let taken = |error: std::io::Error| {
            let message = match error.kind() {
                std::io::ErrorKind::AddrInUse => {
                    format!(
                        "{address} is in use; stop the process that listens there or choose another with `--listen`"
                    )
                }
                std::io::ErrorKind::PermissionDenied => {
                    format!("this user may not listen on {address}; choose a port above 1023 with `--listen`")
                }
                _ => format!("cannot listen on {address}; choose another address with `--listen`"),
            };
            Error::new(Code::AddressInUse, message).with_cause(error)
        };
        let listener = TcpListener::bind(address).await.map_err(taken)?;
        let address = listener.local_addr().map_err(Error::internal)?;
        Ok(Self { listener, address, stop: watch::Sender::new(false) })
    }

    /// The address taken; its port is the one the system chose where 0 was asked for.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The switch that ends [`Server::serve`].
    pub fn stopper(&self) -> Stopper {
        Stopper(self.stop.clone())
    }

    /// Serves until stopped, then waits up to `grace` for open requests.
    pub async fn serve(self, router: Router, grace: Duration) {
        let slots = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
        let mut stopped = self.stop.subscribe();
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(limits::REQUEST_HEAD_TIME_MAX)
            .max_buf_size(limits::REQUEST_HEAD_BYTES_MAX);
        let mut crowd = Crowd::default();
        loop {
            let connection = tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                connection = self.accept(&slots, &mut crowd) => connection,
            };
            let Some((stream, slot)) = connection else { continue };
            let has_asked = Arc::new(AtomicBool::new(false));
            let service = TowerToHyperService::new(router.clone());
            let service = Asked { service, has_asked: Arc::clone(&has_asked), place: Place::new(slot) };
            let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
            let mut stopped = self.stop.subscribe();
            let served = tokio::spawn(async move {
                let mut connection = pin!(connection);
                // What a client breaks off is the client's business.
                tokio::select! {
                    _ = connection.as_mut() => return,
                    _ = stopped.wait_for(|stopped| *stopped) => {}
                }
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            });
            crowd.enter(has_asked, served.abort_handle());
        }
        drop(self.listener);
        // Who has every place is alone.
        let everybody = slots.acquire_many(u32::try_from(limits::CONNECTIONS_MAX).unwrap_or(u32::MAX));
        let _ = tokio::time::timeout(grace, everybody).await;
    }

    /// The next connection and its place. In a full house one that has asked nothing makes
    /// room; where all have, that is waited out.
    async fn accept(&self, slots: &Arc<Semaphore>, crowd: &mut Crowd) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        let stream = match self.listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors: others will be closed in a moment.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                return None;
            }
        };
        let _ = stream.set_nodelay(true);
        let slot = match Arc::clone(slots).try_acquire_owned() {
            Ok(slot) => slot,
            Err(_) => {
                crowd.make_room();
                Arc::clone(slots).acquire_owned().await.ok()?
            }
        };
        Some((stream, slot))
    }
}
