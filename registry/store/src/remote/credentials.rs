//! The credentials of this machine for a registry: what `docker login`, `skopeo login` and the
//! like have written, `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`, helpers included.

use docker_credential::{CredentialRetrievalError, DockerCredential};
use troupe_core::{Code, Error, Result};

use super::ImageName;
use super::authorize::Login;

/// Finds the credentials for an image's registry; without any it is asked as anybody.
pub(super) async fn of(image: &ImageName) -> Result<Login> {
    // Docker's own registry has its credentials under the address of another age.
    let registry = match image.registry() {
        "docker.io" => "https://index.docker.io/v1/".to_owned(),
        registry => registry.to_owned(),
    };
    // A helper is a program that is run.
    let found = tokio::task::spawn_blocking(move || docker_credential::get_credential(&registry)).await;
    match found.map_err(Error::internal)? {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(Login::Password(user, password)),
        Ok(DockerCredential::IdentityToken(token)) => Ok(Login::Refresh(token)),
        Err(
            CredentialRetrievalError::NoCredentialConfigured
            | CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::ConfigReadError
            // A helper that knows none says so by failing. What it printed may be a secret.
            | CredentialRetrievalError::HelperFailure { .. },
        ) => Ok(Login::Anybody),
        Err(_) => {
            let message = format!(
                "the credentials for `{}` cannot be read from the Docker configuration; log in there again",
                image.registry()
            );
            Err(Error::new(Code::RegistryDenied, message))
        }
    }
}
