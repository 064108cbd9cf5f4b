//! What goes wrong with a registry, and whether it may pass.

use std::time::Duration;

use reqwest::StatusCode;
use troupe_core::{Code, Error};

use super::ImageName;

/// Something that went wrong.
#[derive(Debug)]
pub(super) enum Fault {
    /// The registry was not reached, or hung up. Where it was asked is left out: it may be a
    /// signed address.
    Unreached(reqwest::Error),
    /// The registry said no.
    Refused {
        /// The status of its answer.
        status: StatusCode,
        /// What it gave as the reason, in part.
        said: String,
        /// How long it wants to be left alone.
        pause: Option<Duration>,
    },
    /// It is ours to say.
    Ours(Error),
}

impl Fault {
    /// Whether it may go better a moment later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreached(error) => !error.is_builder() && !error.is_redirect(),
            Self::Refused { status, .. } => is_passing(*status),
            Self::Ours(error) => error.retryable,
        }
    }

    /// How long the registry wants to be left alone, if it said so.
    pub(super) const fn pause(&self) -> Option<Duration> {
        match self {
            Self::Refused { pause, .. } => *pause,
            Self::Unreached(_) | Self::Ours(_) => None,
        }
    }

    /// Whether the registry answered with this status.
    pub(super) fn is_status(&self, wanted: StatusCode) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == wanted)
    }

    /// The same, as it is told.
    pub(super) fn told(self, image: &ImageName) -> Error {
        let registry = image.registry();
        match self {
            Self::Ours(error) => error,
            Self::Unreached(error) => unavailable(registry).with_cause(error),
            Self::Refused { status: StatusCode::NOT_FOUND, said, .. } => {
                Error::new(Code::RegistryNotFound, format!("the registry has no image {image}; check name and tag"))
                    .with_cause(said)
            }
            Self::Refused { status: StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, said, .. } => {
                let message = format!(
                    "the registry does not let this host at {image}; log in to `{registry}` (`docker login`, `skopeo login`) \
                     as the user that the host runs as"
                );
                Error::new(Code::RegistryDenied, message).with_cause(said)
            }
            Self::Refused { status, said, .. } if is_passing(status) => {
                unavailable(registry).with_cause(format!("{status}: {said}"))
            }
            Self::Refused { status, said, .. } => {
                let message = format!("the registry `{registry}` refuses what it is asked ({status}): {said}");
                Error::new(Code::RegistryUnavailable, message)
            }
        }
    }
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

fn unavailable(registry: &str) -> Error {
    let message = format!("the registry `{registry}` cannot be used at the moment; try again later");
    Error::new(Code::RegistryUnavailable, message)
}

impl From<reqwest::Error> for Fault {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreached(error.without_url())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}
