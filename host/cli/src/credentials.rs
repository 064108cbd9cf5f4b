//! The credentials of a host's own environment, as the AWS command line finds them.
//!
//! They are read once, at the start, and stay in the host: a grant names them
//! (`aws:default`), requests are signed with them, and no guest sees them. An environment
//! that cannot be used stops no host, since most agents need none of it: it is said once,
//! and again to each request that a grant would have signed.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use troupe_core::{Error, Result, TenantId};
use troupe_egress::credentials::aws::{Sources, find, region};
use troupe_egress::{Client, ClientConfig, EndpointMap};
use troupe_package::Manifest;
use troupe_sandbox::{Credential, Credentials, Egress};

/// The name by which grants know the environment's AWS credentials.
const AWS_DEFAULT: &str = "aws:default";

/// The default configuration by which agents know where to look when nobody says.
const REGIONS: &str = "regions";

/// What the environment holds.
#[derive(Debug)]
struct Environment {
    aws: Result<Option<Arc<Credential>>>,
}

impl Credentials for Environment {
    fn get(&self, tenant: &TenantId, name: &str) -> Result<Option<Arc<Credential>>> {
        // The environment is the operator's, and so are its credentials.
        if *tenant != TenantId::default() || name != AWS_DEFAULT {
            return Ok(None);
        }
        match &self.aws {
            Ok(found) => Ok(found.clone()),
            Err(error) => Err(Error::new(error.code, error.message.clone())),
        }
    }
}

/// The way out of a host, with the credentials and endpoints of its environment.
pub(crate) fn egress(own: SocketAddr) -> Egress {
    let (aws, endpoints) = match looked(find) {
        Ok(found) => (found.credentials.map(Credential::aws).transpose(), found.endpoints),
        Err(error) => (Err(error), EndpointMap::default()),
    };
    if let Err(error) = &aws {
        tracing::warn!("no request is signed for AWS: {error}");
    }
    Egress {
        client: Client::new(ClientConfig::default()),
        endpoints,
        own_addresses: Arc::from([own]),
        credentials: Arc::new(Environment { aws: aws.map(|found| found.map(Arc::new)) }),
    }
}

/// Makes the environment's region the one where an agent looks when nobody says; see
/// [`fill`].
pub(crate) fn fill_region(manifest: &mut Manifest) {
    if let Some(region) = looked(region) {
        fill(manifest, &region);
    }
}

/// Replaces the one region of a manifest's default configuration, if the agent acts with
/// the environment's AWS credentials. Several regions are somebody's choice and stay, as
/// does what an operator configures.
fn fill(manifest: &mut Manifest, region: &str) {
    let acts = manifest.capabilities.http.iter().any(|grant| grant.credential.as_deref() == Some(AWS_DEFAULT));
    if let Some(Value::Array(regions)) = manifest.configuration.get_mut(REGIONS)
        && regions.len() == 1
        && acts
    {
        *regions = vec![json!(region)];
    }
}

/// Looks into this process's environment and the files that it names.
fn looked<T>(look: impl FnOnce(Sources<'_>) -> T) -> T {
    look(Sources {
        variable: &|name| std::env::var(name).ok().filter(|value| !value.is_empty()),
        file: &|path| match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWS: &str = include_str!("../../../plugins/aws/agent.toml");

    fn regions(toml: &str) -> Option<Value> {
        let mut manifest = Manifest::parse(toml).unwrap();
        fill(&mut manifest, "eu-west-1");
        manifest.configuration.get(REGIONS).cloned()
    }

    #[test]
    fn the_environment_s_region_is_where_an_agent_of_aws_looks() {
        assert_eq!(regions(AWS), Some(json!(["eu-west-1"])));
    }

    #[test]
    fn what_somebody_chose_and_other_agents_are_left_alone() {
        let chosen = AWS.replace("regions = [\"us-east-1\"]", "regions = [\"us-east-1\", \"us-west-2\"]");
        assert_eq!(regions(&chosen), Some(json!(["us-east-1", "us-west-2"])));
        assert_eq!(regions(&AWS.replace("aws:default", "aws:other")), Some(json!(["us-east-1"])));
        let none = AWS.replace("regions = [\"us-east-1\"]", "");
        assert_eq!(regions(&none), None);
    }
}
