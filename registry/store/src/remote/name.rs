//! Names of images in registries.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use oci_spec::distribution::Reference;
use troupe_core::{AgentName, ChannelName, Code, Digest, Error, ReleaseRef, Result};
use troupe_package::channel::{channel_tag, is_channel_tag};

/// Longest name of an image, in bytes; a repository has 255 at most by the grammar of the
/// distribution specification.
const NAME_BYTES_MAX: usize = 512;

/// The name of an image in a registry: `REGISTRY/REPOSITORY`, then `:TAG`, `@DIGEST` or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName(Reference);

impl ImageName {
    /// The name of a release under a prefix such as `registry.example.com/agents`. Of a version
    /// the `+` becomes `_`, which a tag may hold.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] if the prefix is none.
    pub fn of_release(prefix: &str, release: &ReleaseRef) -> Result<Self> {
        let tag = release.version.to_string().replace('+', "_");
        format!("{}/{}:{tag}", prefix.trim_end_matches('/'), release.agent).parse()
    }

    /// The name of the document of an agent's channel under a prefix.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] if the prefix is none.
    pub fn of_channel(prefix: &str, agent: &AgentName, channel: &ChannelName) -> Result<Self> {
        format!("{}/{agent}:{}", prefix.trim_end_matches('/'), channel_tag(channel)).parse()
    }

    /// The same repository, at a digest and nothing else.
    #[must_use]
    pub fn at(&self, digest: &Digest) -> Self {
        Self(self.0.clone_with_digest(digest.to_string()))
    }

    /// Another tag of the same repository.
    #[must_use]
    pub fn tagged(&self, tag: String) -> Self {
        Self(Reference::with_tag(self.registry().to_owned(), self.0.repository().to_owned(), tag))
    }

    /// The registry: a host, and a port if one is named.
    pub fn registry(&self) -> &str {
        self.0.registry()
    }

    /// The digest, if the name has one.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] if it is not SHA-256.
    pub fn digest(&self) -> Result<Option<Digest>> {
        let digest = self.0.digest().map(str::parse).transpose();
        digest.map_err(|_| wrong("its digest is not `sha256:` and 64 hexadecimal digits"))
    }

    /// Whether the name is one under which signatures of an image are kept.
    pub fn is_of_signatures(&self) -> bool {
        self.0.tag().is_some_and(|tag| tag.starts_with("sha256-"))
    }

    /// Whether the name is one under which the document of a channel is kept.
    pub fn is_of_channel(&self) -> bool {
        self.0.tag().is_some_and(is_channel_tag)
    }

    /// Whether the image is in a repository under a prefix.
    pub fn is_under(&self, prefix: &str) -> bool {
        let prefix = prefix.trim_end_matches('/');
        let whole = format!("{}/{}", self.registry(), self.0.repository());
        whole.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Whether the registry is on this machine, where it is talked to without TLS.
    pub(super) fn is_on_this_machine(&self) -> bool {
        let registry = self.registry();
        let host = match registry.rsplit_once(':') {
            Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => registry,
        };
        is_loopback(host)
    }

    /// Where the registry is asked: Docker's own has another name for that.
    pub(super) fn resolved(&self) -> &str {
        self.0.resolve_registry()
    }

    /// The repository within its registry.
    pub(super) fn repository(&self) -> &str {
        self.0.repository()
    }

    /// How the image is named within its repository: by its digest if there is one.
    pub(super) fn named(&self) -> &str {
        self.0.digest().or_else(|| self.0.tag()).unwrap_or_default()
    }
}

/// Whether a host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

impl FromStr for ImageName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.strip_prefix("oci://").unwrap_or(text);
        if text.len() > NAME_BYTES_MAX {
            return Err(wrong(&format!("it has more than {NAME_BYTES_MAX} bytes")));
        }
        // Tools add a registry to a name without one; nobody should have to know which.
        let has_registry = text
            .split_once('/')
            .is_some_and(|(first, _)| first == "localhost" || first.contains('.') || first.contains(':'));
        if !has_registry {
            return Err(wrong("it names no registry"));
        }
        // What is called `latest` without being asked for may be anything.
        let exact = text.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
        if !exact {
            return Err(wrong("it names no version"));
        }
        let reference: Reference = text.parse().map_err(|error| wrong(&format!("{error}")))?;
        let name = Self(reference);
        name.digest()?;
        Ok(name)
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn wrong(why: &str) -> Error {
    let message = format!("an image's name is such as `registry.example.com/agents/aws:1.2.0`; {why}");
    Error::new(Code::RequestInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ImageName {
        text.parse().unwrap()
    }

    #[test]
    fn a_release_has_its_name_under_a_prefix() {
        let release: ReleaseRef = "aws@1.2.0-dev.3+linux".parse().unwrap();
        let image = ImageName::of_release("registry.example.com/agents/", &release).unwrap();
        assert_eq!(image.to_string(), "registry.example.com/agents/aws:1.2.0-dev.3_linux");
        assert!(image.is_under("registry.example.com/agents"));
        assert!(!image.is_under("registry.example.com/agent") && !image.is_under("example.com/agents"));
        let channel = ImageName::of_channel("registry.example.com/agents", &release.agent, &"stable".parse().unwrap());
        assert_eq!(channel.as_ref().unwrap().to_string(), "registry.example.com/agents/aws:stable.channel");
        assert!(channel.unwrap().is_of_channel());
        let version: ReleaseRef = "aws@1.2.0-dev.channel".parse().unwrap();
        assert!(!ImageName::of_release("registry.example.com/agents", &version).unwrap().is_of_channel());
        let digest = Digest::of(b"x");
        assert_eq!(image.at(&digest).digest().unwrap(), Some(digest));
    }

    #[test]
    fn what_names_no_image_is_refused_with_the_reason() {
        let digest = format!("registry.example.com/a@sha512:{}", "0".repeat(128));
        let long = format!("registry.example.com/{}", "a".repeat(600));
        for text in [
            "",
            "aws",
            "agents/aws:1",
            "registry.example.com/aws",
            "registry.example.com:5000/aws",
            "registry.example.com/UPPER:1",
            "registry.example.com/../a:1",
            &digest,
            &long,
        ] {
            let error = text.parse::<ImageName>().unwrap_err();
            assert!(
                error.code == Code::RequestInvalid && error.message.contains("registry.example.com"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn tls_is_left_out_on_this_machine_alone() {
        for here in ["localhost/a:1", "localhost:5000/a:1", "127.0.0.1:5000/a:1"] {
            assert!(name(here).is_on_this_machine(), "{here}");
        }
        for there in ["registry.example.com/a:1", "10.0.0.1:5000/a:1", "localhost.example.com/a:1"] {
            assert!(!name(there).is_on_this_machine(), "{there}");
        }
    }
}
