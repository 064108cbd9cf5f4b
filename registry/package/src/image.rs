//! A release as an OCI image (image-spec 1.1), after the CNCF "Wasm OCI artifact layout".
//!
//! | blob | media type | holds |
//! |---|---|---|
//! | manifest | `application/vnd.oci.image.manifest.v1+json` | names the others; its digest is the release's |
//! | config | `application/vnd.wasm.config.v0+json` | architecture, system, digest of the layer; `troupe.manifest` and `troupe.profile` |
//! | layer | `application/wasm` | the component |
//!
//! One layer, since that is what tools for Wasm artifacts insist on: `wkg` and those built on its
//! library fetch the component of an agent like any other. What the agent's manifest and profile say
//! stands in the configuration, whose other readers pass over fields that they do not know.
//!
//! The same release gives the same bytes: every document is canonical and `created` is
//! the Unix epoch (readers insist on the field). The layout's list of the component's
//! imports and exports is left out, since it takes a parser of untrusted components to
//! make, and that runs in the admission process alone.

mod build;

use oci_spec::image::{Descriptor, ImageManifest};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use troupe_core::{Code, Digest, Error, Result, limits};

pub(crate) use build::{build, describe};

use crate::{Manifest, Profile};

/// The media type of an image manifest.
pub const MANIFEST_MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of a Wasm artifact's configuration.
pub const WASM_CONFIG_MEDIA_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// The media type of the component.
pub const COMPONENT_MEDIA_TYPE: &str = "application/wasm";

const ARCHITECTURE: &str = "wasm";
const SYSTEM: &str = "wasip2";

/// Some bytes with their type and address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// What the bytes are.
    pub media_type: String,
    /// The digest of the bytes.
    pub digest: Digest,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Blob {
    /// Addresses `bytes`.
    pub fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self { media_type: media_type.to_owned(), digest: Digest::of(&bytes), bytes }
    }
}

/// The image of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The image manifest.
    pub manifest: Blob,
    /// The image configuration.
    pub config: Blob,
    /// The layers: of a release, its component alone.
    pub layers: Vec<Blob>,
}

impl Image {
    /// Returns the release's digest, which is that of the image manifest.
    pub const fn digest(&self) -> Digest {
        self.manifest.digest
    }

    /// Returns every blob, the manifest last, so that whoever writes them in this order
    /// never has a manifest whose parts are missing.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.layers.iter().chain([&self.config, &self.manifest])
    }
}

/// What an image manifest says about one blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The digest of the blob.
    pub digest: Digest,
    /// Its size in bytes, no more than the host accepts for its kind.
    pub size: u64,
}

impl Part {
    /// Checks that `bytes` are the blob.
    ///
    /// # Errors
    /// [`Code::ArtifactDigest`] if they are other bytes, [`Code::ArtifactMalformed`] if
    /// the size that was named is wrong.
    pub fn verify(&self, bytes: &[u8]) -> Result<()> {
        let found = Digest::of(bytes);
        if found != self.digest {
            return Err(Error::new(
                Code::ArtifactDigest,
                format!("the bytes of blob {} have the digest {found}; publish the release again", self.digest),
            ));
        }
        if bytes.len() as u64 != self.size {
            return Err(malformed(format!(
                "blob {} has {} bytes and is named with {}",
                self.digest,
                bytes.len(),
                self.size
            )));
        }
        Ok(())
    }
}

/// The blobs that an image manifest of a release names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The image configuration.
    pub config: Part,
    /// The component.
    pub component: Part,
}

impl Parts {
    /// Reads the bytes of an image manifest.
    ///
    /// # Errors
    /// [`Code::ArtifactMalformed`] if it is not one of a release, [`Code::ArtifactSize`]
    /// if it or a part of it is larger than the host accepts.
    pub fn read(manifest: &[u8]) -> Result<Self> {
        check_size("image manifest", manifest.len() as u64, limits::IMAGE_DOCUMENT_BYTES_MAX as u64)?;
        let image: ImageManifest = serde_json::from_slice(manifest)
            .map_err(|why| malformed("the image manifest is not one of OCI version 2").with_cause(why))?;
        let of_type = image.media_type().as_ref().is_none_or(|found| found.as_ref() == MANIFEST_MEDIA_TYPE);
        if image.schema_version() != 2 || !of_type {
            return Err(malformed("the image manifest is not one of OCI version 2"));
        }
        let [component] = image.layers().as_slice() else {
            let message = format!("the image has {} layers; a release has 1, its component", image.layers().len());
            return Err(malformed(message));
        };
        Ok(Self {
            config: part(image.config(), WASM_CONFIG_MEDIA_TYPE, limits::IMAGE_CONFIG_BYTES_MAX as u64)?,
            component: part(component, COMPONENT_MEDIA_TYPE, limits::COMPONENT_BYTES_MAX)?,
        })
    }

    /// Returns every part.
    pub const fn all(&self) -> [Part; 2] {
        [self.config, self.component]
    }
}

fn part(descriptor: &Descriptor, media_type: &str, max: u64) -> Result<Part> {
    if descriptor.media_type().as_ref() != media_type {
        return Err(malformed(format!("the image is not that of a release: it has no `{media_type}` in its place")));
    }
    check_size(media_type, descriptor.size(), max)?;
    let digest = descriptor.digest().as_ref().parse::<Digest>();
    let digest =
        digest.map_err(|why| malformed("the image names a blob by another digest than sha256").with_cause(why))?;
    Ok(Part { digest, size: descriptor.size() })
}

/// The configuration of a Wasm artifact.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WasmConfig {
    created: String,
    architecture: String,
    os: String,
    layer_digests: Vec<Digest>,
    /// What makes it a release; an artifact of anything else has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    troupe: Option<Documents>,
}

/// What a release says of its component, as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Documents {
    manifest: Box<RawValue>,
    profile: Box<RawValue>,
}

/// Reads the configuration of an image of `parts`: what the author and the component say.
pub(crate) fn documents(bytes: &[u8], parts: &Parts) -> Result<(Manifest, Profile)> {
    let config: WasmConfig = serde_json::from_slice(bytes)
        .map_err(|why| malformed("the image configuration is not one of a Wasm artifact").with_cause(why))?;
    if config.architecture != ARCHITECTURE || config.os != SYSTEM {
        return Err(malformed(format!("the image is not for {ARCHITECTURE} and {SYSTEM}")));
    }
    if config.layer_digests != [parts.component.digest] {
        return Err(malformed("the image configuration names other layers than the image manifest"));
    }
    let Some(said) = config.troupe else {
        return Err(malformed(
            "the image holds a component and no agent: its configuration has no `troupe`; pack it with `troupe build`",
        ));
    };
    Ok((Manifest::from_json(said.manifest.get().as_bytes())?, Profile::parse(said.profile.get())?))
}

/// Checks `size` in bytes of `what`.
pub(crate) fn check_size(what: &str, size: u64, max: u64) -> Result<()> {
    if size > max {
        return Err(Error::new(Code::ArtifactSize, format!("{what} has {size} bytes, the limit is {max}")));
    }
    Ok(())
}

pub(crate) fn malformed(message: impl Into<String>) -> Error {
    Error::new(Code::ArtifactMalformed, message)
}
