//! Resolve, check, connect to exactly what was checked, and encrypt.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use troupe_core::{Code, Error, Result, limits};

use crate::pool::Key;
use crate::tls::Tls;
use crate::{AddressPolicy, Authority, Resolve};

/// A stream of bytes to a server, encrypted or not.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection and its two ends.
pub(crate) struct Dialled {
    pub(crate) wire: Box<dyn Wire>,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

/// Connects to the authority of `key` within `budget`. Addresses are tried in the resolver's order;
/// those that the policy refuses are left out.
pub(crate) async fn dial(
    resolver: &dyn Resolve,
    tls: &Tls,
    key: &Key,
    policy: &AddressPolicy,
    budget: Duration,
) -> Result<Dialled> {
    let Key { partition, authority } = key;
    let host = authority.host.as_str();
    let late = || {
        Error::new(Code::UnavailableUpstream, format!("`{authority}` did not accept a connection within {budget:?}"))
    };
    let within = async {
        let addresses = resolve(resolver, partition, authority).await?;
        let admitted = admit(policy, host, &addresses)?;
        let (stream, remote) = connect(host, &admitted, Instant::now() + budget).await?;
        let local = stream.local_addr().map_err(Error::internal)?;
        policy.check_connected(host, local, remote)?;
        // Requests are written whole; waiting to fill a packet only delays them.
        stream.set_nodelay(true).map_err(Error::internal)?;
        let wire: Box<dyn Wire> =
            if authority.tls { Box::new(tls.connect(host, stream).await?) } else { Box::new(stream) };
        Ok(Dialled { wire, local, remote })
    };
    timeout(budget, within).await.unwrap_or_else(|_| Err(late()))
}

async fn resolve(resolver: &dyn Resolve, partition: &Arc<str>, authority: &Authority) -> Result<Vec<SocketAddr>> {
    let (host, port) = (authority.host.as_str(), authority.port);
    if let Ok(literal) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(literal, port)]);
    }
    let mut addresses = resolver.resolve(partition, host, port).await?;
    addresses.truncate(limits::DNS_ADDRESSES_MAX);
    if addresses.is_empty() {
        return Err(Error::new(Code::UnavailableDns, format!("`{host}` has no address")));
    }
    Ok(addresses)
}

/// The addresses that may be dialled; an error if there is none.
fn admit(policy: &AddressPolicy, host: &str, addresses: &[SocketAddr]) -> Result<Vec<SocketAddr>> {
    let mut admitted = Vec::new();
    let mut refusal = None;
    for address in addresses {
        match policy.check(host, *address) {
            Ok(address) => admitted.push(address),
            Err(error) => refusal = Some(error),
        }
    }
    match refusal {
        Some(refusal) if admitted.is_empty() => Err(refusal),
        _ => Ok(admitted),
    }
}

/// Tries the addresses one after the other, each with an even share of the time left.
async fn connect(host: &str, addresses: &[SocketAddr], until: Instant) -> Result<(TcpStream, SocketAddr)> {
    let mut cause: Option<std::io::Error> = None;
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let share = until.saturating_duration_since(Instant::now()) / left.max(1);
        left = left.saturating_sub(1);
        match timeout(share, TcpStream::connect(*address)).await {
            Ok(Ok(stream)) => return Ok((stream, *address)),
            Ok(Err(error)) => cause = Some(error),
            Err(_) => cause = Some(std::io::ErrorKind::TimedOut.into()),
        }
    }
    let error = Error::new(Code::UnavailableUpstream, format!("`{host}` cannot be connected to"));
    Err(match cause {
        Some(cause) => error.with_cause(cause),
        None => error,
    })
}
