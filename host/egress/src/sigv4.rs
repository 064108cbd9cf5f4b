//! AWS Signature Version 4, in the form of an `authorization` header.
//!
//! The signature is computed by AWS's own crate, `aws-sigv4`. This module holds what a
//! caller must get right around it, by the AWS reference *Create a signed AWS API
//! request* (IAM User Guide, `reference_sigv-create-signed-request`) and *Authenticating
//! requests* (S3 API Reference, `sig-v4-header-based-auth`):
//!
//! | | S3 | other services |
//! |---|---|---|
//! | path in the signature | as sent, so it is first brought into AWS's own escaping | dot segments resolved, escaped once more |
//! | `x-amz-content-sha256` | sent and signed | not sent |
//!
//! Everywhere: query keys sorted, header values trimmed, the session token signed, and
//! `authorization`, `user-agent` and `x-amzn-trace-id` left out of the signature. What
//! the request carried of an older signature is removed.

mod credentials;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
};
use aws_sigv4::sign::v4;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use troupe_core::{Code, Error, Result, Timestamp};

pub use credentials::AwsCredentials;

use crate::{Request, headers};

/// What AWS escapes in a path: all but letters, digits, and four marks.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Signs a request for `service`, by its signing name, in `region`. The request is
/// [prepared](Request::prepare) first, and must be sent as it then is.
///
/// # Errors
/// Those of [`Request::prepare`]; [`Code::LimitHeaders`] if the path grows too long in
/// AWS's escaping; [`Code::DeniedHeader`] if a header's value is not ASCII,
/// which a signature cannot cover; [`Code::CredentialsInvalid`] if the credentials cannot
/// stand in a header.
pub fn sign(
    request: &mut Request,
    region: &str,
    service: &str,
    now: Timestamp,
    credentials: &AwsCredentials,
) -> Result<()> {
    request.prepare()?;
    request.headers.remove(AUTHORIZATION);
    for name in headers::SIGNING {
        request.headers.remove(name);
    }
    let is_s3 = service == "s3";
    if is_s3 {
        escape_path(request)?;
    }
    let identity = credentials.for_signing().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(system_time(now))
        .settings(settings(is_s3))
        .build()
        .map_err(Error::internal)?
        .into();
    let signable = SignableRequest::new(
        request.method.as_str(),
        request.uri.to_string(),
        text_headers(request)?.into_iter(),
        SignableBody::Bytes(&request.body),
    )
    .map_err(Error::internal)?;
    let (instructions, _) = aws_sigv4::http_request::sign(signable, &parameters)
        .map_err(|cause| Error::new(Code::CredentialsInvalid, "the request cannot be signed").with_cause(cause))?
        .into_parts();
    let (added, _) = instructions.into_parts();
    for header in added {
        let mut value = HeaderValue::from_str(header.value()).map_err(|_| {
            Error::new(Code::CredentialsInvalid, "the AWS credentials hold a character that no header can carry")
        })?;
        value.set_sensitive(header.sensitive() || header.name() == AUTHORIZATION.as_str());
        request.headers.insert(HeaderName::from_static(header.name()), value);
    }
    Ok(())
}

fn settings(is_s3: bool) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if is_s3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

fn system_time(now: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(0))
}

fn text_headers(request: &Request) -> Result<Vec<(&str, &str)>> {
    let text = |(name, value)| -> Result<(&str, &str)> {
        let (name, value): (&HeaderName, &HeaderValue) = (name, value);
        let value = value.to_str().map_err(|cause| {
            Error::new(Code::DeniedHeader, format!("the header `{name}` is not plain ASCII and cannot be signed"))
                .with_cause(cause)
        })?;
        Ok((name.as_str(), value))
    };
    request.headers.iter().map(text).collect()
}

/// Rewrites the path in AWS's escaping, part by part, so that what S3 recomputes from the
/// path it received is what was signed. An escaped slash stays escaped.
fn escape_path(request: &mut Request) -> Result<()> {
    let escape = |part: &str| {
        let bytes: Vec<u8> = percent_decode_str(part).collect();
        percent_encode(&bytes, ESCAPED).to_string()
    };
    let path: Vec<String> = request.uri.path().split('/').map(escape).collect();
    let mut target = path.join("/");
    if let Some(query) = request.uri.query() {
        target.push('?');
        target.push_str(query);
    }
    request.set_target(&target)
}
