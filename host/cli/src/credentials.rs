//! What a host acts with: the operator's document of credentials, and the environment, as
//! the AWS command line finds it.
//!
//! The document is `credentials.toml` in the data directory, or where `--credentials` says;
//! it is read again when it changes (see [`Book`]). The environment is read once, at the
//! start, and means `aws:default` for the tenant `default` where the document gives that
//! name no other meaning. All of it stays in the host: a grant names it, and no guest sees
//! it. An environment that cannot be used stops no host, since most agents need none of it:
//! it is said once, and again to each request that a grant would have signed. A document
//! that cannot be used is an error at the start.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use troupe_core::{Clock, Code, Error, Result, TenantId};
use troupe_egress::credentials::aws::{Sources, find, read_file, region};
use troupe_egress::credentials::{Book, BookConfig, Credential, Secret};
use troupe_egress::{Circuits, Client, ClientConfig, EndpointMap};
use troupe_package::Manifest;
use troupe_sandbox::{Credentials, Egress};

/// The name by which grants know the environment's AWS credentials.
const AWS_DEFAULT: &str = "aws:default";

/// The default configuration by which agents know where to look when nobody says.
const REGIONS: &str = "regions";

/// The document's name in a data directory.
const DOCUMENT: &str = "credentials.toml";

/// What the operator has set up.
#[derive(Debug)]
struct Operator {
    book: Arc<Book>,
    environment: Result<Option<Arc<Credential>>>,
}

#[async_trait]
impl Credentials for Operator {
    async fn credential(&self, tenant: &TenantId, name: &str) -> Result<Option<Arc<Credential>>> {
        if let Some(found) = self.book.credential(tenant, name).await? {
            return Ok(Some(found));
        }
        // The environment is the operator's, and so are its credentials.
        if *tenant != TenantId::default() || name != AWS_DEFAULT {
            return Ok(None);
        }
        match &self.environment {
            Ok(found) => Ok(found.clone()),
            Err(error) => Err(Error::new(error.code, error.message.clone())),
        }
    }

    async fn secret(&self, tenant: &TenantId, name: &str) -> Result<Option<Arc<Secret>>> {
        self.book.secret(tenant, name).await
    }
}

/// Where the document of credentials is.
///
/// # Errors
/// [`Code::CredentialsInvalid`] if one was named that is not there.
pub(crate) fn document(named: Option<&Path>, data_dir: &Path) -> Result<PathBuf> {
    match named {
        Some(path) if !path.exists() => {
            let message = format!("there is no document of credentials at `{}`", path.display());
            Err(Error::new(Code::CredentialsInvalid, message))
        }
        Some(path) => Ok(path.to_owned()),
        None => Ok(data_dir.join(DOCUMENT)),
    }
}

/// The way out of a host, with the credentials and endpoints of its document and its
/// environment.
///
/// # Errors
/// [`Code::CredentialsInvalid`] if the document cannot be used, naming the line.
pub(crate) fn egress(own: SocketAddr, document: PathBuf, clock: Arc<dyn Clock>) -> Result<Egress> {
    let (aws, mut endpoints) = match looked(find) {
        Ok(found) => (found.credentials.map(Credential::aws).transpose(), found.endpoints),
        Err(error) => (Err(error), EndpointMap::default()),
    };
    if let Err(error) = &aws {
        tracing::warn!("no request is signed for AWS: {error}");
    }
    let client = Client::new(ClientConfig::default());
    let own_addresses: Arc<[SocketAddr]> = Arc::from([own]);
    let config = BookConfig {
        client: client.clone(),
        own_addresses: Arc::clone(&own_addresses),
        endpoints: Arc::new(endpoints.clone()),
        clock,
        variable: Arc::new(variable),
    };
    let book = Arc::new(Book::open(document, config)?);
    book.map_hosts(&mut endpoints);
    book.keep();
    let credentials = Arc::new(Operator { book, environment: aws.map(|found| found.map(Arc::new)) });
    Ok(Egress { client, circuits: Circuits::default(), endpoints, own_addresses, credentials })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
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
    look(Sources { variable: &variable, file: &read_file })
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
