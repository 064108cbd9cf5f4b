//! From the house's errors to those of `wasi:http`.

use troupe_core::{Code, Error, limits};

use super::WasiError;

/// What the guest is told: the nearest standard code, or the sentence if it asked for it.
pub(super) fn told(error: &Error, explain: bool) -> WasiError {
    if explain {
        return WasiError::InternalError(Some(format!("{}: {}", error.code, error.message)));
    }
    match error.code {
        Code::DeniedCapability | Code::DeniedHeader | Code::DeniedSecret | Code::CredentialsInvalid => {
            WasiError::HttpRequestDenied
        }
        Code::DeniedEgress => WasiError::DestinationIpProhibited,
        Code::LimitHeaders if was_sent(error) => {
            WasiError::HttpResponseHeaderSectionSize(u32::try_from(limits::HTTP_HEAD_BYTES_MAX).ok())
        }
        Code::LimitHeaders => WasiError::HttpRequestHeaderSectionSize(u32::try_from(limits::HTTP_HEAD_BYTES_MAX).ok()),
        Code::LimitBody if was_sent(error) => {
            WasiError::HttpResponseBodySize(Some(limits::HTTP_RESPONSE_BODY_BYTES_MAX))
        }
        Code::LimitBody => WasiError::HttpRequestBodySize(Some(limits::HTTP_REQUEST_BODY_BYTES_MAX as u64)),
        Code::LimitConnections | Code::LimitBudget => WasiError::ConnectionLimitReached,
        Code::LimitIdle | Code::LimitDeadline if was_sent(error) => WasiError::HttpResponseTimeout,
        Code::LimitIdle | Code::LimitDeadline => WasiError::ConnectionTimeout,
        Code::UnavailableDns => WasiError::DnsError { rcode: None, info_code: None },
        Code::UnavailableCircuit => WasiError::DestinationUnavailable,
        Code::UnavailableUpstream if was_sent(error) => WasiError::ConnectionTerminated,
        Code::UnavailableUpstream => WasiError::ConnectionRefused,
        _ => WasiError::InternalError(Some(error.message.clone())),
    }
}

/// Whether the server may have seen the request.
fn was_sent(error: &Error) -> bool {
    error.details.get("sent").and_then(serde_json::Value::as_bool).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_headers_or_body_were_too_much_is_told() {
        let told = |code, sent: bool| format!("{:?}", told(&Error::new(code, "too much").with("sent", sent), false));
        assert!(told(Code::LimitHeaders, true).starts_with("HttpResponseHeaderSectionSize"));
        assert!(told(Code::LimitHeaders, false).starts_with("HttpRequestHeaderSectionSize"));
        assert!(told(Code::LimitBody, true).starts_with("HttpResponseBodySize"));
        assert!(told(Code::LimitBody, false).starts_with("HttpRequestBodySize"));
    }
}
