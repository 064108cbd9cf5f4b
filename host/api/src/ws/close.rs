//! Why the host closes a socket, in the codes of RFC 6455, section 7.4.1, and the registry that it made.

use axum::extract::ws::CloseFrame;
use troupe_core::limits;
use troupe_core::view::StreamEndReason;

/// Unsupported data.
const UNSUPPORTED: u16 = 1003;
/// Policy violation.
const POLICY: u16 = 1008;
/// Message too big.
const TOO_BIG: u16 = 1009;
/// Internal error.
const INTERNAL: u16 = 1011;
/// Service restart: come again.
const RESTART: u16 = 1012;

/// Why a socket is closed.
#[derive(Debug)]
pub(super) enum Close {
    /// Nobody is to be told anything more.
    Over(StreamEndReason),
    /// A message was no text.
    NoText,
    /// A message was too large.
    TooLarge,
    /// The host is at fault.
    Failed,
    /// The client closes.
    Answer,
}

impl Close {
    /// What is said to a client that has not said it first.
    pub(super) fn frame(&self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Over(StreamEndReason::HostStopping) => (RESTART, "the host stops; go on when it is back".to_owned()),
            Self::Over(_) => (POLICY, "the caller is let in no more".to_owned()),
            Self::NoText => (UNSUPPORTED, "messages are JSON texts".to_owned()),
            Self::TooLarge => {
                let most = limits::bytes(limits::SOCKET_MESSAGE_BYTES_MAX as u64);
                (TOO_BIG, format!("the message is larger than {most}"))
            }
            Self::Failed => (INTERNAL, "the host failed; its log has the cause".to_owned()),
            Self::Answer => return None,
        };
        Some(CloseFrame { code, reason: reason.into() })
    }
}
