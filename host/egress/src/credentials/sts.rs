//! Keys of an AWS role, from the AWS Security Token Service.
//!
//! `AssumeRole` is signed with the keys that the operator has; `AssumeRoleWithWebIdentity`
//! is not signed and shows the token that the platform has written into a file. Both are
//! calls of the query protocol with an XML answer, at the region's own endpoint.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};
use roxmltree::{Document, Node};
use troupe_core::{Code, Error, Result, Timestamp};
use zeroize::Zeroizing;

use super::cache::Minted;
use super::exchange::{Exchanger, Server};
use crate::{AwsCredentials, EndpointMap, sigv4};

const VERSION: &str = "2011-06-15";

/// A role to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) session_name: String,
    pub(super) external_id: Option<String>,
    pub(super) duration: Duration,
    pub(super) region: String,
}

/// Who takes it.
pub(super) enum Taker<'a> {
    /// Whoever has these keys.
    Keys(&'a AwsCredentials),
    /// Whoever has this token of another identity provider.
    WebIdentity(&'a Zeroizing<String>),
}

impl Role {
    /// Takes the role; the keys live for as long as AWS says.
    pub(super) async fn take(
        &self,
        taker: Taker<'_>,
        exchanger: &Exchanger,
        endpoints: &Arc<EndpointMap>,
    ) -> Result<Minted<AwsCredentials>> {
        let server = self.server(endpoints)?;
        let duration = self.duration.as_secs().to_string();
        let action = match taker {
            Taker::Keys(_) => "AssumeRole",
            Taker::WebIdentity(_) => "AssumeRoleWithWebIdentity",
        };
        let mut form = vec![
            ("Action", action),
            ("Version", VERSION),
            ("RoleArn", self.arn.as_str()),
            ("RoleSessionName", self.session_name.as_str()),
            ("DurationSeconds", duration.as_str()),
        ];
        let mut sent = Vec::new();
        match &taker {
            Taker::Keys(keys) => {
                form.extend(self.external_id.as_deref().map(|id| ("ExternalId", id)));
                sent.extend(keys.secrets().filter_map(|secret| std::str::from_utf8(secret).ok()));
            }
            Taker::WebIdentity(token) => {
                form.push(("WebIdentityToken", token.as_str()));
                sent.push(token.as_str());
            }
        }
        let mut request = Exchanger::form(&server, &form);
        request.method = Method::POST;
        request.headers.remove(ACCEPT);
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
        request.headers.insert(CONTENT_TYPE, kind);
        if let Taker::Keys(keys) = taker {
            sigv4::sign(&mut request, &self.region, "sts", exchanger.clock.now(), keys)?;
        }
        let told = exchanger.send(&server, request).await?;
        if !told.status.is_success() {
            return Err(told.refusal(&sent));
        }
        let (keys, ends_at) = read(&told.body).ok_or_else(|| {
            Error::new(Code::UnavailableUpstream, "AWS STS answered something else than the keys of a role")
        })?;
        Ok(Minted::living(keys, ends_at.since(exchanger.clock.now())))
    }

    /// The region's endpoint, or what the operator's AWS settings put in its place.
    fn server(&self, endpoints: &EndpointMap) -> Result<Server> {
        let domain = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let host = format!("sts.{}.{domain}", self.region);
        match endpoints.find(&host, Some("sts")) {
            Some(endpoint) => {
                let authority = endpoint.authority();
                Server::named(&format!("{}://{authority}/", authority.scheme()))
            }
            None => Server::public(&format!("https://{host}/")),
        }
    }
}

/// The keys in an answer of STS, and when they end.
fn read(body: &[u8]) -> Option<(AwsCredentials, Timestamp)> {
    let document = Document::parse(std::str::from_utf8(body).ok()?).ok()?;
    let keys = document.descendants().find(|node| is_named(node, "Credentials"))?;
    let part = |name: &str| {
        let node = keys.children().find(|node| is_named(node, name))?;
        node.text().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let ends_at = serde_json::from_value(part("Expiration")?.into()).ok()?;
    Some((AwsCredentials::new(part("AccessKeyId")?, part("SecretAccessKey")?, Some(part("SessionToken")?)), ends_at))
}

/// Whether a node is an element of this name, whatever its namespace.
fn is_named(node: &Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_a_role_are_read_from_the_answer_of_sts() {
        let body = br#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
            <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/demo/s</Arn></AssumedRoleUser>
            <Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>wJalrXUtnFEMI</SecretAccessKey>
            <SessionToken>AQoDYXdzEPT</SessionToken><Expiration>2026-01-02T03:04:05Z</Expiration></Credentials>
            </AssumeRoleResult></AssumeRoleResponse>"#;
        let (keys, ends_at) = read(body).unwrap();
        assert_eq!(keys, AwsCredentials::new("ASIAEXAMPLE".into(), "wJalrXUtnFEMI".into(), Some("AQoDYXdzEPT".into())));
        assert_eq!(ends_at.to_string(), "2026-01-02T03:04:05.000Z");
        for other in [&b"<a/>"[..], b"", b"<Credentials><AccessKeyId>A</AccessKeyId></Credentials>", b"\xff"] {
            assert!(read(other).is_none());
        }
    }

    #[test]
    fn a_role_is_taken_at_its_region_s_endpoint() {
        let role = |region: &str| Role {
            arn: String::new(),
            session_name: String::new(),
            external_id: None,
            duration: Duration::ZERO,
            region: region.to_owned(),
        };
        let at = |region: &str| role(region).server(&EndpointMap::default()).unwrap().uri().to_string();
        assert_eq!(at("eu-west-1"), "https://sts.eu-west-1.amazonaws.com/");
        assert_eq!(at("cn-north-1"), "https://sts.cn-north-1.amazonaws.com.cn/");
    }
}
