//! Where a secret value may go.
//!
//! The attack: a grant was made too wide, or `dev` granted what a manifest asked for, and a
//! guest sends the operator's token to a server of its own, over plain `http`, to another
//! port of the machine, or to a path of the service that belongs to somebody else. The
//! rule: whoever keeps the value says where it goes, and it goes nowhere else, whatever a
//! grant says; what is compared is the place that the guest addresses. The default: `https`
//! at its own port.

use http::Uri;
use troupe_core::grant::{Scheme, admits_path};
use troupe_core::{Code, Error, HostPattern, Result};

use crate::Authority;

/// The places that a secret value may go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    scheme: Scheme,
    /// None: wherever the signer signs for.
    hosts: Option<Vec<HostPattern>>,
    port: u16,
    path_prefix: String,
}

impl Reach {
    /// To hosts, by `https` at its own port.
    pub fn to(hosts: Vec<HostPattern>) -> Self {
        Self::at(Scheme::Https, hosts, None, "/".to_owned())
    }

    /// To hosts, by a scheme, at a port (the scheme's own if not said), to the paths that
    /// begin so.
    pub fn at(scheme: Scheme, hosts: Vec<HostPattern>, port: Option<u16>, path_prefix: String) -> Self {
        Self { scheme, hosts: Some(hosts), port: port.unwrap_or(scheme.default_port()), path_prefix }
    }

    /// To every host whose requests a signer can name, by `https`.
    pub(super) fn of_signer() -> Self {
        let scheme = Scheme::Https;
        Self { scheme, hosts: None, port: scheme.default_port(), path_prefix: "/".to_owned() }
    }

    /// Whether a value may go along with a request to `uri`, the place that the guest
    /// addresses.
    ///
    /// # Errors
    /// [`Code::DeniedSecret`] naming the value by `what` and the part that does not fit.
    pub fn check(&self, what: &str, uri: &Uri) -> Result<()> {
        let authority = Authority::of(uri)?;
        let place = format!("{}://{authority}", authority.scheme());
        let part = if authority.tls != (self.scheme == Scheme::Https) {
            "by another scheme"
        } else if self.hosts.as_ref().is_some_and(|hosts| !hosts.iter().any(|host| host.matches(&authority.host))) {
            "to other hosts"
        } else if authority.port != self.port {
            "to another port"
        } else if !admits_path(&self.path_prefix, uri.path()) {
            "to other paths"
        } else {
            return Ok(());
        };
        let message = format!(
            "the {what} goes {part} than this request to {place}; the operator's document of credentials says where it \
             may go"
        );
        Err(Error::new(Code::DeniedSecret, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(reach: &Reach, uri: &str) -> Option<String> {
        reach.check("secret `a`", &uri.parse().unwrap()).err().map(|error| {
            assert_eq!(error.code, Code::DeniedSecret);
            error.message.split(" than ").next().unwrap().to_owned()
        })
    }

    #[test]
    fn e54_a_value_goes_nowhere_but_where_it_is_bound() {
        let hosts = vec!["api.example.com".parse().unwrap()];
        let reach = Reach::at(Scheme::Https, hosts, None, "/v1/".to_owned());
        let refused = |uri: &str| refused(&reach, uri);
        assert_eq!(refused("https://api.example.com/v1/x?y"), None);
        assert_eq!(refused("https://API.example.com:443/v1/x"), None);
        for (uri, why) in [
            ("http://api.example.com/v1/x", "by another scheme"),
            ("http://api.example.com:443/v1/x", "by another scheme"),
            ("https://evil.example/v1/x", "to other hosts"),
            ("https://x.api.example.com/v1/x", "to other hosts"),
            ("https://api.example.com:8443/v1/x", "to another port"),
            ("https://api.example.com/v2/x", "to other paths"),
            ("https://api.example.com/v1/../v2/x", "to other paths"),
            ("https://api.example.com/v1/%2e%2e/v2/x", "to other paths"),
        ] {
            assert_eq!(refused(uri), Some(format!("the secret `a` goes {why}")), "{uri}");
        }
    }

    #[test]
    fn a_star_in_where_a_value_is_bound_is_one_segment() {
        let reach = Reach::at(Scheme::Https, vec!["a.b".parse().unwrap()], None, "/of/*/in".to_owned());
        assert_eq!(refused(&reach, "https://a.b/of/x/in/y"), None);
        for uri in ["https://a.b/of/x/y/in", "https://a.b/of/x%2Fy/in", "https://a.b/of/in", "https://a.b/of/;x/in"] {
            assert_eq!(refused(&reach, uri).as_deref(), Some("the secret `a` goes to other paths"), "{uri}");
        }
    }

    #[test]
    fn plain_http_is_a_word_of_the_operator_s() {
        let hosts = vec!["127.0.0.1".parse().unwrap()];
        let reach = Reach::at(Scheme::Http, hosts, Some(8080), "/".to_owned());
        assert_eq!(refused(&reach, "http://127.0.0.1:8080/x"), None);
        assert!(refused(&reach, "https://127.0.0.1:8080/x").is_some());
        assert!(refused(&reach, "http://127.0.0.1/x").is_some());
    }
}
