//! From a name to addresses.
//!
//! The system's own resolver is asked (`getaddrinfo`, by way of tokio), not a resolver
//! of ours: operators expect `/etc/hosts`, search domains and `nsswitch` to count, and
//! the safety of egress does not rest on who answers but on dialling exactly what was
//! checked. Its one weakness is that a lookup cannot be interrupted; so lookups are
//! counted, in all and per tenant, and one that is given up keeps its place until the
//! thread is back.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::BoxFuture;
use troupe_core::{Code, Error, Result, limits};

use crate::slots::Slots;

/// Gives the addresses of a name. It is asked once per connection.
pub trait Resolve: Send + Sync + fmt::Debug {
    /// Resolves `host`, a name without brackets or a trailing dot, for a partition (the
    /// tenant); each address comes with `port`.
    ///
    /// # Errors
    /// [`Code::UnavailableDns`].
    fn resolve<'a>(
        &'a self,
        partition: &'a Arc<str>,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Vec<SocketAddr>>>;
}

/// The machine's resolver.
#[derive(Debug)]
pub struct SystemResolver {
    places: Slots,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self { places: Slots::new(limits::DNS_LOOKUPS_MAX, limits::DNS_LOOKUPS_PER_TENANT_MAX) }
    }
}

impl Resolve for SystemResolver {
    fn resolve<'a>(
        &'a self,
        partition: &'a Arc<str>,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let unavailable = |reason: &str| Error::new(Code::UnavailableDns, format!("`{host}` {reason}"));
            let place = self.places.take(partition, limits::DNS_TIME_MAX).await;
            // That is no fault of the destination's.
            let place = place.ok_or_else(|| {
                let message =
                    format!("`{host}` cannot be resolved now: too many lookups wait for an answer; try again");
                Error::new(Code::LimitConnections, message)
            })?;
            let name = host.to_owned();
            let lookup = tokio::spawn(async move {
                let found = tokio::net::lookup_host((name.as_str(), port)).await.map(Iterator::collect);
                drop(place);
                found
            });
            match tokio::time::timeout(limits::DNS_TIME_MAX, lookup).await {
                Err(_) => Err(unavailable(&format!("was not resolved within {:?}", limits::DNS_TIME_MAX))),
                Ok(Err(cause)) => Err(Error::internal(cause)),
                Ok(Ok(Err(cause))) => Err(unavailable("cannot be resolved; check its spelling").with_cause(cause)),
                Ok(Ok(Ok(addresses))) => Ok(addresses),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_is_on_the_loopback_interface() {
        let addresses = SystemResolver::default().resolve(&"a".into(), "localhost", 80).await.unwrap();
        assert!(!addresses.is_empty());
        assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 80));
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_is_named_in_the_refusal() {
        let error = SystemResolver::default().resolve(&"a".into(), "no-such-name.invalid", 80).await.unwrap_err();
        assert_eq!(error.code, Code::UnavailableDns);
        assert!(error.message.contains("`no-such-name.invalid`"), "{}", error.message);
    }

    #[tokio::test]
    async fn a_tenant_whose_names_hang_leaves_places_for_others() {
        let resolver = SystemResolver::default();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let mut hanging = Vec::new();
        for _ in 0..limits::DNS_LOOKUPS_PER_TENANT_MAX {
            hanging.push(resolver.places.take(&a, limits::DNS_TIME_MAX).await.unwrap());
        }
        assert!(resolver.places.take(&a, std::time::Duration::from_millis(20)).await.is_none());
        assert!(resolver.places.take(&b, limits::DNS_TIME_MAX).await.is_some());
    }
}
