//! An operator's replacement for the place a request goes to.
//!
//! A guest addresses the real cloud host. Grant, action and credential are decided on
//! that host; only then does a mapping (`AWS_ENDPOINT_URL` and the like) replace scheme
//! and authority, and the signature covers what is really sent. The mapping's target is
//! exempt from the rule about private addresses: exactly that host and port.

use std::collections::BTreeMap;

use http::Uri;
use http::uri::PathAndQuery;
use troupe_core::{Code, Error, Result};

use crate::{Authority, Exemption};

/// Where a mapping leads: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Authority);

impl Endpoint {
    /// Reads an endpoint such as `http://127.0.0.1:5000`.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] if `text` is anything but a scheme (`http` or
    /// `https`), a host and perhaps a port; a path would have to be joined with the
    /// request's, which servers expect in different ways.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |why: &str| {
            Error::new(
                Code::CredentialsInvalid,
                format!("the endpoint {text:?} {why}; write it as `http://127.0.0.1:5000`"),
            )
        };
        let uri: Uri = text.parse().map_err(|cause| invalid("is not a URL").with_cause(cause))?;
        let authority = Authority::of(&uri).map_err(|error| invalid("has no usable host").with_cause(error))?;
        if uri.path_and_query().is_some_and(|target| target.as_str() != "/") {
            return Err(invalid("has a path or query"));
        }
        Ok(Self(authority))
    }

    /// The URI that is really sent to.
    ///
    /// # Errors
    /// [`Code::Internal`] if the two do not make a URI.
    pub fn apply(&self, uri: &Uri) -> Result<Uri> {
        Uri::builder()
            .scheme(self.0.scheme())
            .authority(self.0.to_string())
            .path_and_query(uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")))
            .build()
            .map_err(Error::internal)
    }

    /// The exemption that goes with the mapping.
    pub fn exemption(&self) -> Exemption {
        Exemption::Mapped { host: self.0.host.clone(), port: self.0.port }
    }

    /// Where it leads.
    pub const fn authority(&self) -> &Authority {
        &self.0
    }
}

/// All mappings of a host. The one for a host name is more specific than the one for an
/// AWS service, and that more than the one for all of AWS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointMap {
    hosts: BTreeMap<String, Endpoint>,
    services: BTreeMap<String, Endpoint>,
    aws: Option<Endpoint>,
}

impl EndpointMap {
    /// Maps requests to one host name.
    pub fn map_host(&mut self, host: &str, endpoint: Endpoint) {
        self.hosts.insert(host.to_ascii_lowercase(), endpoint);
    }

    /// Maps requests to one AWS service, named as in an action: `ec2`.
    pub fn map_service(&mut self, service: &str, endpoint: Endpoint) {
        self.services.insert(service.to_owned(), endpoint);
    }

    /// Maps requests to AWS services that have no mapping of their own.
    pub fn map_aws(&mut self, endpoint: Endpoint) {
        self.aws = Some(endpoint);
    }

    /// Finds the mapping for a request to `host`, which names an action of `aws_service`
    /// or none.
    pub fn find(&self, host: &str, aws_service: Option<&str>) -> Option<&Endpoint> {
        self.hosts
            .get(&host.to_ascii_lowercase())
            .or_else(|| self.services.get(aws_service?))
            .or_else(|| aws_service.and(self.aws.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        Endpoint::parse(text).unwrap()
    }

    #[test]
    fn a_mapping_replaces_scheme_and_authority_and_keeps_the_rest() {
        let real = "https://s3.us-east-1.amazonaws.com/bucket/a%20key?acl".parse().unwrap();
        let sent = endpoint("http://127.0.0.1:5000/").apply(&real).unwrap();
        assert_eq!(sent, "http://127.0.0.1:5000/bucket/a%20key?acl");
    }

    #[test]
    fn a_mapping_exempts_exactly_its_target() {
        assert_eq!(endpoint("http://Localhost").exemption(), Exemption::Mapped { host: "localhost".into(), port: 80 });
    }

    #[test]
    fn the_most_specific_mapping_wins_and_other_hosts_are_left_alone() {
        let mut map = EndpointMap::default();
        map.map_aws(endpoint("http://all:1"));
        map.map_service("s3", endpoint("http://s3:2"));
        map.map_host("s3.eu-west-1.amazonaws.com", endpoint("http://host:3"));
        let port = |host: &str, service| map.find(host, service).map(|found| found.authority().port);
        assert_eq!(port("ec2.us-east-1.amazonaws.com", Some("ec2")), Some(1));
        assert_eq!(port("s3.us-east-1.amazonaws.com", Some("s3")), Some(2));
        assert_eq!(port("S3.eu-west-1.amazonaws.com", Some("s3")), Some(3));
        assert_eq!(port("example.com", None), None);
    }

    #[test]
    fn what_is_not_an_endpoint_is_refused_with_an_example() {
        for text in ["127.0.0.1:5000", "ftp://x", "http://x/path", "http://x/?q", "http://u@x", "", "http://"] {
            let error = Endpoint::parse(text).unwrap_err();
            assert_eq!(error.code, Code::CredentialsInvalid, "{text}");
        }
        let error = Endpoint::parse("http://localhost:4566/aws").unwrap_err();
        insta::assert_snapshot!(error.message, @r#"the endpoint "http://localhost:4566/aws" has a path or query; write it as `http://127.0.0.1:5000`"#);
    }
}
