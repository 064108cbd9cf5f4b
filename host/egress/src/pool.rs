//! Idle connections, kept for the next request to the same place.
//!
//! A connection is reused only within the partition (the tenant) that opened it, so that
//! an answer that one tenant provoked can never be read as the answer to another; and
//! only if the reuser's own address policy admits both its ends.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use tokio::time::{Instant, sleep_until};
use troupe_core::limits::{HTTP_IDLE_CONNECTIONS_MAX, HTTP_KEEP_ALIVE_TIME_MAX};

use crate::{AddressPolicy, Authority};

/// Which requests may share a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) partition: Arc<str>,
    pub(crate) authority: Authority,
}

/// A connection that may carry requests, one after the other.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<Full<Bytes>>,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

#[derive(Debug, Default)]
pub(crate) struct Pool {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Ordered by the time they became idle, the longest first.
    idle: VecDeque<(Key, Connection, Instant)>,
    sweeping: bool,
}

impl Pool {
    /// Takes the connection for `key` that was used last, if one is alive and `policy`
    /// admits it.
    pub(crate) fn take(&self, key: &Key, policy: &AddressPolicy) -> Option<Connection> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = Instant::now().checked_sub(HTTP_KEEP_ALIVE_TIME_MAX);
        let host = &key.authority.host;
        state.idle.retain(|(_, connection, since)| !connection.sender.is_closed() && Some(*since) > oldest);
        let at = state.idle.iter().rposition(|(its, connection, _)| {
            its == key
                && connection.sender.is_ready()
                && policy.check(host, connection.remote).is_ok()
                && policy.check_connected(host, connection.local, connection.remote).is_ok()
        })?;
        state.idle.remove(at).map(|(_, connection, _)| connection)
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(crate) fn put(self: &Arc<Self>, key: Key, connection: Connection) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.sender.is_closed() {
            return;
        }
        state.idle.push_back((key, connection, Instant::now()));
        if state.idle.len() > HTTP_IDLE_CONNECTIONS_MAX {
            state.idle.pop_front();
        }
        if !state.sweeping {
            state.sweeping = true;
            tokio::spawn(sweep(Arc::clone(self)));
        }
    }
}

/// Closes connections as they grow old, until none is left.
async fn sweep(pool: Arc<Pool>) {
    loop {
        let next = {
            let mut state = pool.state.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            state.idle.retain(|(_, connection, since)| {
                !connection.sender.is_closed() && now.saturating_duration_since(*since) < HTTP_KEEP_ALIVE_TIME_MAX
            });
            match state.idle.front() {
                Some((_, _, since)) => *since + HTTP_KEEP_ALIVE_TIME_MAX,
                None => {
                    state.sweeping = false;
                    return;
                }
            }
        };
        sleep_until(next).await;
    }
}
