//! The credentials of this machine for a registry: what `docker login`, `skopeo login` and the
//! like have written: `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`, and where there is nothing
//! for the registry, `$REGISTRY_AUTH_FILE` or `$XDG_RUNTIME_DIR/containers/auth.json`; helpers included.

use docker_credential::{CredentialRetrievalError, DockerCredential};
use troupe_core::{Code, Error, Result};

use super::ImageName;
use super::authorize::Login;

/// The names under which one asks Docker's own registry.
const DOCKER_IO: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];
/// The name under which `docker login` keeps the credentials for it.
const DOCKER_IO_LOGIN: &str = "https://index.docker.io/v1/";

/// Finds the credentials for an image's registry; without any it is asked as anybody.
pub(super) async fn of(image: &ImageName) -> Result<Login> {
    let registry = image.registry().to_owned();
    // A helper is a program that is run.
    let found = tokio::task::spawn_blocking(move || found(&registry)).await;
    match found.map_err(Error::internal)? {
        Ok(Some(DockerCredential::UsernamePassword(user, password))) => Ok(Login::Password(user, password)),
        Ok(Some(DockerCredential::IdentityToken(token))) => Ok(Login::Refresh(token)),
        Ok(None) => Ok(Login::Anybody),
        Err(_) => {
            let message = format!(
                "the credentials for `{}` cannot be read where `docker login` or `skopeo login` has left them; log in there again",
                image.registry()
            );
            Err(Error::new(Code::RegistryDenied, message))
        }
    }
}

/// Reads what one of the programs has left for a name.
type Read = fn(&str) -> Result<DockerCredential, CredentialRetrievalError>;

/// What is kept for a registry under one of its names.
fn found(registry: &str) -> Result<Option<DockerCredential>, CredentialRetrievalError> {
    const READ: [Read; 2] = [docker_credential::get_credential, docker_credential::get_podman_credential];
    for (read, name) in READ.into_iter().flat_map(|read| names(registry).map(move |name| (read, name))) {
        match read(name) {
            Ok(found) => return Ok(Some(found)),
            Err(
                CredentialRetrievalError::NoCredentialConfigured
                | CredentialRetrievalError::ConfigNotFound
                | CredentialRetrievalError::ConfigReadError
                // A helper that knows none says so by failing. What it printed may be a secret.
                | CredentialRetrievalError::HelperFailure { .. },
            ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The names under which the credentials for a registry may be kept.
fn names(registry: &str) -> impl Iterator<Item = &str> {
    DOCKER_IO.contains(&registry).then_some(DOCKER_IO_LOGIN).into_iter().chain([registry])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_docker_s_own_registry_are_kept_under_a_name_of_its_past() {
        assert_eq!(names("docker.io").collect::<Vec<_>>(), [DOCKER_IO_LOGIN, "docker.io"]);
        assert_eq!(names("ghcr.io").collect::<Vec<_>>(), ["ghcr.io"]);
    }
}
