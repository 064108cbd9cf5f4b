//! Which addresses may be dialled.
//!
//! **The attack.** A grant allows `https://files.example.com`. The owner of that name
//! points it at `169.254.169.254`, and the agent reads the operator's cloud credentials
//! from the metadata service; or at `127.0.0.1`, and it talks to the host's own API, the
//! database beside it, or a neighbour in the private network. The name was allowed; the
//! place was not.
//!
//! **The rule.** A name is resolved once. Each address it gives is classed
//! ([`AddressClass`]), and only admitted addresses are dialled: exactly those, never the
//! name again, so a second answer cannot differ. An address that stands for an IPv4
//! address in an IPv6 spelling (mapped, compatible, 6to4, NAT64) is classed by the IPv4
//! address. A pooled connection is checked again by the policy of whoever reuses it.
//!
//! **The default.** Only [`AddressClass::Public`] is admitted. An [`Exemption`] opens one
//! host and port:
//!
//! | exemption's host | opens |
//! |---|---|
//! | an address, `10.1.2.3` | exactly that address, unless it names no single machine or is a metadata service |
//! | a name, `db.internal` | the loopback, private, shared and unique-local addresses the name resolves to; never link-local or metadata addresses |
//!
//! The host's own listening sockets and the metadata services of clouds stay closed to a
//! grant's exemption; what the operator has written down, a mapping or a server of
//! credentials, opens exactly that host and port.
//!
//! **The reason for the default.** Whoever grants a public name thinks of the public
//! internet. Nobody who reads a manifest can see where a name will point tomorrow.

mod class;
mod policy;
#[cfg(test)]
mod tests;

pub use class::AddressClass;
pub use policy::{AddressPolicy, Exemption};
