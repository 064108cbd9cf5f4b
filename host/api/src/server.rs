//! The server: accepts connections within a bound, and stops politely.
//!
//! The attack: connections that are opened and left silent, or that ask and never read, until no other is
//! taken. The rule: silence has bounds (`server/connection.rs`, `server/taken.rs`), and when all are taken, whoever has not asked
//! anything yet makes room (`crowd.rs`). The one port serves HTTP/1.1 and HTTP/2, which gRPC needs,
//! and all of it over TLS where the operator has a certificate (`tls.rs`).

mod connection;
mod taken;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::Router;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::task::AbortOnDropHandle;
use troupe_core::{Code, Error, Result, limits};

use crate::Tls;
use crate::crowd::{Asked, Crowd, Place};

/// A listening socket that does not serve yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    tls: Option<Arc<Tls>>,
}

/// Stops a server from elsewhere.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Takes no further connection and lets open requests end.
    pub fn stop(&self) {
        // Whether or not anybody serves yet.
        self.0.send_replace(true);
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
        Ok(Self { listener, address, stop: watch::Sender::new(false), tls: None })
    }

    /// Serves over TLS alone, with this certificate.
    #[must_use]
    pub fn with_tls(self, tls: Option<Tls>) -> Self {
        Self { tls: tls.map(Arc::new), ..self }
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
        let renewing = self.tls.clone().map(|tls| AbortOnDropHandle::new(tokio::spawn(tls.renew())));
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
            let (stopped, acceptor) = (self.stop.subscribe(), self.tls.as_ref().map(|tls| tls.acceptor()));
            let served = tokio::spawn(async move {
                let Some(acceptor) = acceptor else { return connection::serve(stream, service, stopped).await };
                // Who shakes no hands in time, or speaks in the clear, has its connection closed.
                let handshake = tokio::time::timeout(limits::REQUEST_HEAD_TIME_MAX, acceptor.accept(stream));
                if let Ok(Ok(stream)) = handshake.await {
                    connection::serve(stream, service, stopped).await;
                }
            });
            crowd.enter(has_asked, served.abort_handle());
        }
        drop((self.listener, renewing));
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

#[cfg(test)]
mod tests;
