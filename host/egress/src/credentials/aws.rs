//! Finds AWS credentials, region and endpoints as the AWS CLI does, for `dev`.
//!
//! | what | where, the first that has it |
//! |---|---|
//! | profile | `AWS_PROFILE`, `AWS_DEFAULT_PROFILE`, `default` |
//! | credentials | `AWS_ACCESS_KEY_ID` and its companions; the profile in the credentials file; the profile in the configuration file |
//! | region | `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile |
//! | endpoint of a service | `AWS_ENDPOINT_URL_SERVICE`, `AWS_ENDPOINT_URL`, the profile's `services`, the profile's `endpoint_url` |
//!
//! The files are `~/.aws/credentials` and `~/.aws/config`, or those that
//! `AWS_SHARED_CREDENTIALS_FILE` and `AWS_CONFIG_FILE` name. An empty variable counts as
//! not set.
//!
//! Not supported here, and said so where the AWS CLI would use it: assuming a role, single
//! sign-on, `aws login`, web identities, credential processes and container credentials.
//! Roles and web identities belong into the document of credentials (see
//! [`Book`](super::Book)). The instance metadata service is never asked: a developer's machine has none, and a
//! host in the cloud must not lend its own role to agents by accident.

use troupe_core::{Code, Error, Result};

use super::profile::{File, Section};
use crate::{AwsCredentials, Endpoint, EndpointMap, aws};

#[cfg(test)]
#[path = "aws_tests.rs"]
mod tests;

/// What was found.
#[derive(Debug)]
pub struct AwsEnvironment {
    /// The credentials; none if the operator has none.
    pub credentials: Option<AwsCredentials>,
    /// Replacements of AWS's endpoints.
    pub endpoints: EndpointMap,
}

/// Where to look: the environment and the files, as functions so that tests need
/// neither.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a file; none if there is no such file.
    pub file: &'a dyn Fn(&str) -> std::io::Result<Option<String>>,
}

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

/// Settings of a profile by which the AWS CLI would get credentials in ways that are not
/// supported, before it looks at keys in the profile.
const BEFORE_KEYS: [(&str, &str); 5] = [
    ("role_arn", "assuming a role"),
    ("web_identity_token_file", "a web identity"),
    ("sso_session", "single sign-on"),
    ("sso_start_url", "single sign-on"),
    ("login_session", "`aws login`"),
];

/// The same for the environment, after everything else.
const AFTER_KEYS: [(&str, &str); 3] = [
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "a web identity"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "container credentials"),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "container credentials"),
];

/// Looks for credentials and endpoints.
///
/// # Errors
/// [`Code::CredentialsInvalid`] naming the variable, file or profile that is incomplete,
/// unknown, not readable or of a kind that is not supported.
pub fn find(sources: Sources<'_>) -> Result<AwsEnvironment> {
    let found = Found::load(sources)?;
    Ok(AwsEnvironment { credentials: found.credentials()?, endpoints: found.endpoints()? })
}

/// Looks for the keys of one profile, whatever profile and keys the environment names; none
/// if it has none.
///
/// # Errors
/// As [`find`].
pub(super) fn find_profile(
    profile: &str,
    variable: &(dyn Fn(&str) -> Option<String> + Send + Sync),
) -> Result<Option<AwsCredentials>> {
    let of_profile = |name: &str| match name {
        "AWS_PROFILE" => Some(profile.to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN" | "AWS_SECURITY_TOKEN" => None,
        other => variable(other),
    };
    Found::load(Sources { variable: &of_profile, file: &read_file })?.credentials()
}

/// Reads a file of the operator's; none if there is none.
pub fn read_file(path: &str) -> std::io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Looks for the region that the operator prefers; none where the files cannot be read,
/// which [`find`] tells.
pub fn region(sources: Sources<'_>) -> Option<String> {
    Found::load(sources).ok()?.region()
}

/// The two files and the profile in use.
struct Found<'a> {
    sources: Sources<'a>,
    credentials_path: String,
    config_path: String,
    credentials: File,
    config: File,
    profile: String,
}

impl<'a> Found<'a> {
    fn load(sources: Sources<'a>) -> Result<Self> {
        let variable = |name: &str| (sources.variable)(name).filter(|value| !value.is_empty());
        let home = variable("HOME").or_else(|| variable("USERPROFILE"));
        let path = |name: &str, default: &str| {
            let path = variable(name).unwrap_or_else(|| default.to_owned());
            match (path.strip_prefix("~/"), &home) {
                (Some(rest), Some(home)) => format!("{home}/{rest}"),
                _ => path,
            }
        };
        let credentials_path = path("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
        let config_path = path("AWS_CONFIG_FILE", "~/.aws/config");
        let read = |path: &str| match (sources.file)(path) {
            Ok(Some(text)) => File::parse(path, &text),
            Ok(None) => Ok(File::default()),
            Err(cause) => Err(Error::new(Code::CredentialsInvalid, format!("{path} cannot be read")).with_cause(cause)),
        };
        let named = variable("AWS_PROFILE").or_else(|| variable("AWS_DEFAULT_PROFILE"));
        let found = Self {
            sources,
            credentials: read(&credentials_path)?,
            config: read(&config_path)?,
            credentials_path,
            config_path,
            profile: named.clone().unwrap_or_else(|| "default".to_owned()),
        };
        if named.is_some() && found.in_credentials().is_none() && found.in_config().is_none() {
            return Err(Error::new(
                Code::CredentialsInvalid,
                format!(
                    "the AWS profile `{}` is neither in {} nor in {}; `aws configure list-profiles` shows those there \
                     are",
                    found.profile, found.credentials_path, found.config_path
                ),
            ));
        }
        Ok(found)
    }

    fn variable(&self, name: &str) -> Option<String> {
        (self.sources.variable)(name).filter(|value| !value.is_empty())
    }

    fn in_credentials(&self) -> Option<&Section> {
        self.credentials.section(&self.profile)
    }

    fn in_config(&self) -> Option<&Section> {
        let named = self.config.section(&format!("profile {}", self.profile));
        if self.profile == "default" { named.or_else(|| self.config.section("default")) } else { named }
    }

    /// A setting of the profile, the credentials file first.
    fn setting(&self, name: &str) -> Option<&str> {
        let sections = [self.in_credentials(), self.in_config()];
        sections.into_iter().flatten().find_map(|section| value(section, name))
    }

    fn credentials(&self) -> Result<Option<AwsCredentials>> {
        let environment = |name: &str| self.variable(&name.to_ascii_uppercase());
        if let Some(found) = keys(environment, "the environment", str::to_ascii_uppercase)? {
            return Ok(Some(found));
        }
        for (name, way) in BEFORE_KEYS {
            if self.setting(name).is_some() {
                return Err(self.unsupported(&format!("`{name}`"), way));
            }
        }
        let in_file = |section: Option<&Section>, path: &str| {
            let lookup = |name: &str| section.and_then(|section| value(section, name)).map(str::to_owned);
            keys(lookup, &format!("the profile `{}` in {path}", self.profile), str::to_owned)
        };
        if let Some(found) = in_file(self.in_credentials(), &self.credentials_path)? {
            return Ok(Some(found));
        }
        if self.setting("credential_process").is_some() {
            return Err(self.unsupported("`credential_process`", "a credential process"));
        }
        if let Some(found) = in_file(self.in_config(), &self.config_path)? {
            return Ok(Some(found));
        }
        match AFTER_KEYS.iter().find(|(name, _)| self.variable(name).is_some()) {
            Some((name, way)) => Err(unsupported(&format!("the environment variable {name}"), way)),
            None => Ok(None),
        }
    }

    fn unsupported(&self, setting: &str, way: &str) -> Error {
        unsupported(&format!("{setting} of the AWS profile `{}`", self.profile), way)
    }

    fn region(&self) -> Option<String> {
        self.variable("AWS_REGION")
            .or_else(|| self.variable("AWS_DEFAULT_REGION"))
            .or_else(|| self.setting("region").map(str::to_owned))
    }

    fn endpoints(&self) -> Result<EndpointMap> {
        let mut map = EndpointMap::default();
        if self.ignores_configured_endpoints() {
            return Ok(map);
        }
        let everywhere = self.variable("AWS_ENDPOINT_URL");
        let all = everywhere.clone().or_else(|| self.setting("endpoint_url").map(str::to_owned));
        if let Some(url) = all {
            map.map_aws(Endpoint::parse(&url)?);
        }
        for service in aws::services() {
            let id = service.id.replace([' ', '-'], "_");
            let own = self.variable(&format!("AWS_ENDPOINT_URL_{}", id.to_ascii_uppercase()));
            // A variable for all services counts more than the profile's for one.
            let url = own.or_else(|| {
                let in_profile = self.service_endpoint(&id.to_ascii_lowercase())?;
                everywhere.is_none().then(|| in_profile.to_owned())
            });
            if let Some(url) = url {
                map.map_service(service.name, Endpoint::parse(&url)?);
            }
        }
        Ok(map)
    }

    fn ignores_configured_endpoints(&self) -> bool {
        let variable = self.variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
        let setting = || self.setting("ignore_configured_endpoint_urls").map(str::to_owned);
        variable.or_else(setting).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// What `[services NAME]`, which the profile names, says about one service.
    fn service_endpoint(&self, id: &str) -> Option<&str> {
        let section = self.config.section(&format!("services {}", self.setting("services")?))?;
        section.get(id)?.nested.get("endpoint_url").map(String::as_str).filter(|url| !url.is_empty())
    }
}

fn value<'a>(section: &'a Section, name: &str) -> Option<&'a str> {
    section.get(name).map(|setting| setting.value.as_str()).filter(|value| !value.is_empty())
}

/// Reads the two or three parts of a key from one place. A part alone is an error: going
/// on would pick up a key that was not meant.
fn keys(
    lookup: impl Fn(&str) -> Option<String>,
    place: &str,
    spelt: impl Fn(&str) -> String,
) -> Result<Option<AwsCredentials>> {
    let token = || lookup("aws_session_token").or_else(|| lookup("aws_security_token"));
    let missing = |present: &str, missing: &str| {
        Error::new(Code::CredentialsInvalid, format!("{place} has {} but not {}", spelt(present), spelt(missing)))
    };
    match (lookup("aws_access_key_id"), lookup("aws_secret_access_key")) {
        (Some(id), Some(secret)) => Ok(Some(AwsCredentials::new(id, secret, token()))),
        (Some(_), None) => Err(missing("aws_access_key_id", "aws_secret_access_key")),
        (None, Some(_)) => Err(missing("aws_secret_access_key", "aws_access_key_id")),
        (None, None) => Ok(None),
    }
}

fn unsupported(what: &str, way: &str) -> Error {
    Error::new(
        Code::CredentialsInvalid,
        format!(
            "{what} asks for {way}, which is not supported; `aws configure export-credentials --format env` prints keys \
             that are"
        ),
    )
}
