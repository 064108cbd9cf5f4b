//! What goes wrong with a registry, and whether it may pass.

use oci_client::errors::{OciDistributionError, OciErrorCode};
use troupe_core::{Code, Error};

use super::ImageName;

/// Something that went wrong.
#[derive(Debug)]
pub(super) enum Fault {
    /// It was said by or about the registry.
    Remote(OciDistributionError),
    /// It is ours to say.
    Ours(Error),
}

impl Fault {
    /// Whether it may go better a moment later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Remote(error) => match error {
                OciDistributionError::RequestError(error) => !error.is_builder() && !error.is_redirect(),
                OciDistributionError::IoError(_) => true,
                OciDistributionError::ServerError { code, .. } => *code >= 500 || matches!(code, 408 | 429),
                OciDistributionError::RegistryError { envelope, .. } => {
                    envelope.errors.iter().any(|error| error.code == OciErrorCode::Toomanyrequests)
                }
                _ => false,
            },
            Self::Ours(error) => error.retryable,
        }
    }

    /// The same, as it is told.
    pub(super) fn told(self, image: &ImageName) -> Error {
        let error = match self {
            Self::Remote(error) => error,
            Self::Ours(error) => return error,
        };
        let registry = image.registry();
        let told = match code(&error) {
            Code::RegistryNotFound => {
                Error::new(Code::RegistryNotFound, format!("the registry has no image {image}; check name and tag"))
            }
            Code::ArtifactDigest => Error::new(
                Code::ArtifactDigest,
                format!("the registry answers {image} with other bytes than its digest says; do not use what it has"),
            ),
            Code::RegistryDenied => {
                let message = format!(
                    "the registry does not let this host at {image}; log in to `{registry}` (`docker login`, `skopeo login`) \
                     as the user that the host runs as"
                );
                Error::new(Code::RegistryDenied, message)
            }
            code => {
                Error::new(code, format!("the registry `{registry}` cannot be used at the moment; try again later"))
            }
        };
        told.with_cause(error)
    }
}

impl From<OciDistributionError> for Fault {
    fn from(error: OciDistributionError) -> Self {
        Self::Remote(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

fn code(error: &OciDistributionError) -> Code {
    match error {
        OciDistributionError::DigestError(_) => Code::ArtifactDigest,
        OciDistributionError::ImageManifestNotFoundError(_) | OciDistributionError::ServerError { code: 404, .. } => {
            Code::RegistryNotFound
        }
        OciDistributionError::AuthenticationFailure(_)
        | OciDistributionError::UnauthorizedError { .. }
        | OciDistributionError::RegistryTokenDecodeError(_)
        | OciDistributionError::ServerError { code: 401 | 403, .. } => Code::RegistryDenied,
        OciDistributionError::RequestError(error) => match error.status().map(|status| status.as_u16()) {
            Some(404) => Code::RegistryNotFound,
            Some(401 | 403) => Code::RegistryDenied,
            _ => Code::RegistryUnavailable,
        },
        OciDistributionError::RegistryError { envelope, .. } => {
            let said = |codes: &[OciErrorCode]| envelope.errors.iter().any(|error| codes.contains(&error.code));
            if said(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
                Code::RegistryDenied
            } else if said(&[
                OciErrorCode::ManifestUnknown,
                OciErrorCode::NameUnknown,
                OciErrorCode::BlobUnknown,
                OciErrorCode::NotFound,
            ]) {
                Code::RegistryNotFound
            } else {
                Code::RegistryUnavailable
            }
        }
        _ => Code::RegistryUnavailable,
    }
}
