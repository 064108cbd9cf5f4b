//! Why the host closes a socket, in the codes of RFC 6455, section 7.4.1, and the registry that it made.

use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use troupe_core::limits;
use troupe_core::view::StreamEndReason;

/// Why a socket is closed.
#[derive(Debug)]
pub(super) enum Close {
    /// Nobody is to be told anything more.
    Over(StreamEndReason),
    /// A message was no text.
    NoText,
    /// A text was not UTF-8.
    NoUtf8,
    /// A message was too large.
    TooLarge,
    /// What came is no frame of the protocol.
    NoFrame,
    /// The host is at fault.
    Failed,
    /// The client closes.
    Answer,
}

impl Close {
    /// What is said to a client of whom nothing more can be read; nothing if it is not there any more.
    pub(super) fn of(error: &tungstenite::Error) -> Option<Self> {
        match error {
            tungstenite::Error::Capacity(_) => Some(Self::TooLarge),
            tungstenite::Error::Utf8(_) => Some(Self::NoUtf8),
            tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
            tungstenite::Error::Protocol(_) => Some(Self::NoFrame),
            _ => None,
        }
    }

    /// What is said to a client that has not said it first.
    pub(super) fn frame(&self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Over(StreamEndReason::HostStopping) => {
                (CloseCode::Restart, "the host stops; go on when it is back".to_owned())
            }
            Self::Over(_) => (CloseCode::Policy, "the caller is let in no more".to_owned()),
            Self::NoText => (CloseCode::Unsupported, "messages are JSON texts".to_owned()),
            Self::NoUtf8 => (CloseCode::Invalid, "a text is not UTF-8".to_owned()),
            Self::TooLarge => {
                let most = limits::bytes(limits::SOCKET_MESSAGE_BYTES_MAX as u64);
                (CloseCode::Size, format!("the message is larger than {most}"))
            }
            Self::NoFrame => (CloseCode::Protocol, "what was sent is no frame of RFC 6455".to_owned()),
            Self::Failed => (CloseCode::Error, "the host failed; its log has the cause".to_owned()),
            Self::Answer => return None,
        };
        Some(CloseFrame { code, reason: reason.into() })
    }

    /// Whether nothing more of the client can be understood.
    pub(super) const fn is_deaf(&self) -> bool {
        matches!(self, Self::NoUtf8 | Self::TooLarge | Self::NoFrame)
    }
}
