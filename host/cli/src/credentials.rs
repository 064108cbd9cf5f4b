//! The credentials of a host's own environment, as the AWS command line finds them.
//!
//! They are read once, at the start, and stay in the host: a grant names them
//! (`aws:default`), requests are signed with them, and no guest sees them.

use std::net::SocketAddr;
use std::sync::Arc;

use troupe_core::{Result, TenantId};
use troupe_egress::credentials::aws::{Sources, find};
use troupe_egress::{Client, ClientConfig};
use troupe_sandbox::{Credential, Credentials, Egress};

/// The name by which grants know the environment's AWS credentials.
pub(crate) const AWS_DEFAULT: &str = "aws:default";

/// What the environment holds.
#[derive(Debug, Default)]
struct Environment {
    aws: Option<Arc<Credential>>,
}

impl Credentials for Environment {
    fn get(&self, tenant: &TenantId, name: &str) -> Option<Arc<Credential>> {
        // The environment is the operator's, and so are its credentials.
        if *tenant != TenantId::default() || name != AWS_DEFAULT {
            return None;
        }
        self.aws.clone()
    }
}

/// The way out of a host, with the credentials and endpoints of its environment.
///
/// # Errors
/// [`troupe_core::Code::CredentialsInvalid`] naming the variable or file that is wrong.
pub(crate) fn egress(own: SocketAddr) -> Result<Egress> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let file = |path: &str| match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let found = find(Sources { variable: &variable, file: &file })?;
    let aws = found.credentials.map(Credential::aws).transpose()?.map(Arc::new);
    Ok(Egress {
        client: Client::new(ClientConfig::default()),
        endpoints: found.endpoints,
        own_addresses: Arc::from([own]),
        credentials: Arc::new(Environment { aws }),
    })
}
