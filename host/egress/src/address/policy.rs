//! The decision about one address.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use troupe_core::{Code, Error, Result};

use super::AddressClass;

/// One host and port that may lie inside the operator's network.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exemption {
    /// Named by a grant. The host's own listening sockets and the metadata services of clouds
    /// stay closed.
    Granted {
        /// Name or address in lower case; an IPv6 address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// The target of an operator's mapping. Opens the host's own sockets too, if that is
    /// where the operator pointed it.
    Mapped {
        /// Name or address of the mapping's target, in the same spelling.
        host: String,
        /// The port.
        port: u16,
    },
}

/// Which addresses one request may be sent to. The default admits public addresses
/// alone.
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    own: Arc<[SocketAddr]>,
    exemptions: Vec<Exemption>,
}

impl AddressPolicy {
    /// Returns a policy that admits public addresses and keeps `own`, the sockets this
    /// host listens on, closed whatever a grant says.
    pub fn new(own: impl Into<Arc<[SocketAddr]>>) -> Self {
        Self { own: own.into(), exemptions: Vec::new() }
    }

    /// Adds an exemption.
    #[must_use]
    pub fn with(mut self, exemption: Exemption) -> Self {
        self.exemptions.push(exemption);
        self
    }

    /// Returns the address to dial for `host`, if it may be dialled: an IPv4-mapped
    /// address comes back as the IPv4 address.
    ///
    /// # Errors
    /// [`Code::DeniedEgress`]. The message names the host and the kind of place, the
    /// private cause the address.
    pub fn check(&self, host: &str, address: SocketAddr) -> Result<SocketAddr> {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let class = AddressClass::of(address.ip());
        let refused = |reason: String| {
            Err(Error::new(Code::DeniedEgress, reason).with_cause(format!("{host} resolved to {address} ({class:?})")))
        };
        if class == AddressClass::Nowhere || address.port() == 0 {
            return refused(format!("`{host}` leads to {class}, which names no machine"));
        }
        let exemption = self.exemption(host, address, class);
        let mapped = matches!(exemption, Some(Exemption::Mapped { .. }));
        if self.is_own(address) && !mapped {
            return refused(format!("port {} of `{host}` is one of this host's own", address.port()));
        }
        if class == AddressClass::Metadata && !mapped {
            return refused(format!(
                "`{host}` leads to {class}, which no grant opens; what it hands out is the host's"
            ));
        }
        if class != AddressClass::Public && exemption.is_none() {
            return refused(format!(
                "`{host}` leads to {class}; a grant of it with `private = true`, or an operator's mapping, would \
                 allow it"
            ));
        }
        Ok(address)
    }

    /// Checks a connection that stands but has carried nothing yet. It finds what the
    /// address alone cannot show: a public address of this very machine, on a port that
    /// the host listens on for all addresses.
    ///
    /// # Errors
    /// [`Code::DeniedEgress`].
    pub fn check_connected(&self, host: &str, local: SocketAddr, remote: SocketAddr) -> Result<()> {
        let to_itself = local.ip().to_canonical() == remote.ip().to_canonical();
        let listens = self.own.iter().any(|own| own.port() == remote.port());
        let mapped =
            matches!(self.exemption(host, remote, AddressClass::of(remote.ip())), Some(Exemption::Mapped { .. }));
        if to_itself && listens && !mapped {
            return Err(Error::new(
                Code::DeniedEgress,
                format!("port {} of `{host}` is one of this host's own", remote.port()),
            ));
        }
        Ok(())
    }

    fn is_own(&self, address: SocketAddr) -> bool {
        self.own.iter().any(|own| {
            let (listening, dialled) = (own.ip().to_canonical(), address.ip());
            own.port() == address.port()
                && (listening == dialled
                    || AddressClass::of(dialled) == AddressClass::Loopback
                        && (listening.is_unspecified() || listening.is_loopback()))
        })
    }

    /// The widest exemption that covers an address: a mapping before a grant.
    fn exemption(&self, host: &str, address: SocketAddr, class: AddressClass) -> Option<&Exemption> {
        let covers = |exemption: &&Exemption| {
            let (Exemption::Granted { host: named, port } | Exemption::Mapped { host: named, port }) = *exemption;
            named.eq_ignore_ascii_case(host)
                && *port == address.port()
                && match named.parse::<IpAddr>() {
                    Ok(ip) => ip.to_canonical() == address.ip(),
                    Err(_) => class.inside() || class == AddressClass::Public,
                }
        };
        let mut covering = self.exemptions.iter().filter(covers);
        let first = covering.next()?;
        if matches!(first, Exemption::Mapped { .. }) {
            return Some(first);
        }
        Some(covering.find(|exemption| matches!(exemption, Exemption::Mapped { .. })).unwrap_or(first))
    }
}
