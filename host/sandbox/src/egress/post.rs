//! What the host itself tells somebody outside, such as an event to a webhook.
//!
//! *The attack:* whoever may say where the host sends something has it talk to what stands in the operator's network,
//! by an address, a name that resolves to one, or an answer that points there; or has it wait, or read, without end.
//! *The rule:* `https`, and a public address, which is the one that is dialled; no redirect is followed; an answer
//! is read up to a bound and thrown away. An origin that the operator named when the host was started may be private
//! and without TLS: exactly that scheme, host and port. *The default:* none is named.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use troupe_core::{Code, Error, Result};
use troupe_egress::{AddressPolicy, Authority, Exemption, Limits, Request, SendOptions};

use super::Egress;

/// A scheme, a host and a port, as in `http://127.0.0.1:9000`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    tls: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Reads the origin of an address.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] for what is no `http` or `https` address, or carries a user name or a fragment.
    pub fn of(address: &str) -> Result<Self> {
        let refused = |why: &str| Error::new(Code::RequestInvalid, format!("the address cannot be sent to: {why}"));
        // A fragment stays with whoever has the address, and a reader of it may expect otherwise.
        if address.contains('#') {
            return Err(refused("it has a fragment"));
        }
        let uri: Uri = address.parse().map_err(|cause| refused("it is no address").with_cause(cause))?;
        let Authority { tls, host, port } =
            Authority::of(&uri).map_err(|error| refused(&error.message).with_cause(error))?;
        Ok(Self { tls, host, port })
    }
}

/// A message of the host's own.
#[derive(Debug, Clone)]
pub struct Post {
    /// Where it is sent.
    pub url: String,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Bytes,
    /// Whose it is, as open exchanges are counted.
    pub partition: Arc<str>,
    /// How long it may take in all.
    pub time: Duration,
    /// How much of the answer is read.
    pub answer_bytes: u64,
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    /// The status.
    pub status: u16,
    /// For how long it asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Egress {
    /// Checks what can be known of an address before anything is sent there. `named` are the origins that the operator
    /// named.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] for an address that is none; [`Code::DeniedEgress`] for one that may not be sent to.
    pub fn check_post(&self, url: &str, named: &BTreeSet<Origin>) -> Result<()> {
        let origin = Origin::of(url)?;
        if named.contains(&origin) || self.endpoints.find(&origin.host, None).is_some() {
            return Ok(());
        }
        if !origin.tls {
            let message = "what is sent there would be open to all on its way; name an `https` address";
            return Err(Error::new(Code::DeniedEgress, message));
        }
        if let Ok(ip) = origin.host.parse() {
            AddressPolicy::new(Arc::clone(&self.own_addresses))
                .check(&origin.host, SocketAddr::new(ip, origin.port))?;
        }
        Ok(())
    }

    /// Sends a message and returns the status of the answer. `named` are the origins that the operator named.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] for an address that is none; [`Code::DeniedEgress`] for one that may not be sent to;
    /// the other codes of [`Client::send`](troupe_egress::Client::send).
    pub async fn post(&self, post: Post, named: &BTreeSet<Origin>) -> Result<Posted> {
        self.check_post(&post.url, named)?;
        let origin = Origin::of(&post.url)?;
        let mut uri: Uri = post.url.parse().map_err(Error::internal)?;
        let mut policy = AddressPolicy::new(Arc::clone(&self.own_addresses));
        if named.contains(&origin) {
            policy = policy.with(Exemption::Granted { host: origin.host.clone(), port: origin.port });
        }
        if let Some(endpoint) = self.endpoints.find(&origin.host, None) {
            policy = policy.with(endpoint.exemption());
            uri = endpoint.apply(&uri)?;
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &post.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).map_err(Error::internal)?);
        }
        let limits = Limits { first_byte: post.time, idle: post.time, total: post.time, ..Limits::default() };
        let options = SendOptions { partition: post.partition, policy, limits };
        let request = Request { method: Method::POST, uri, headers, body: post.body };
        let mut answer = self.client.send(request, &options).await?;
        let status = answer.status.as_u16();
        let retry_after = answer.headers.get(RETRY_AFTER).and_then(seconds);
        // What it says is nobody's business; read, the connection can be used again.
        let mut left = post.answer_bytes;
        while left > 0 {
            let Some(Ok(piece)) = answer.body.next().await else { break };
            left = left.saturating_sub(piece.len() as u64);
        }
        Ok(Posted { status, retry_after })
    }
}

/// A time in whole seconds; a date would have to be believed.
fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port_however_they_are_written() {
        let of = |text: &str| Origin::of(text).unwrap();
        assert_eq!(of("https://Example.com/a?b"), of("https://example.com:443"));
        assert!(of("https://a.b") != of("http://a.b") && of("http://a.b:80") == of("http://a.b/x"));
        for bad in
            ["", "a.b", "ftp://a.b", "https://", "https://u@a.b", "https://a.b#x", "https://a.b:0", "/a", "https://a b"]
        {
            assert_eq!(Origin::of(bad).unwrap_err().code, Code::RequestInvalid, "{bad}");
        }
    }

    #[tokio::test]
    async fn what_is_not_named_is_not_sent_in_the_clear_nor_into_the_network() {
        let egress = Egress::default();
        let post = |url: &str| Post {
            url: url.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
            partition: Arc::from("test"),
            time: Duration::from_secs(5),
            answer_bytes: 10,
        };
        for url in [
            "http://example.com/",
            "https://127.0.0.1:1/",
            "https://10.0.0.1/",
            "https://[::1]:1/",
            "https://localhost:1/",
        ] {
            let refused = egress.post(post(url), &BTreeSet::new()).await.unwrap_err();
            assert_eq!(refused.code, Code::DeniedEgress, "{url}: {refused}");
        }
        // Named, it is dialled; another port of the same machine is not.
        let named = BTreeSet::from([Origin::of("http://127.0.0.1:1").unwrap()]);
        let dialled = egress.post(post("http://127.0.0.1:1/x"), &named).await.unwrap_err();
        assert_eq!(dialled.code, Code::UnavailableUpstream, "{dialled}");
        let other = egress.post(post("http://127.0.0.1:2/x"), &named).await.unwrap_err();
        assert_eq!(other.code, Code::DeniedEgress);
        // Nothing names the services by which clouds hand out credentials.
        let metadata = BTreeSet::from([Origin::of("http://169.254.169.254").unwrap()]);
        let refused = egress.post(post("http://169.254.169.254/"), &metadata).await.unwrap_err();
        assert_eq!(refused.code, Code::DeniedEgress);
    }
}
