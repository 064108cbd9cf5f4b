//! Signatures as an OCI image, the way cosign keeps them beside what they are of: one layer for
//! each, which is the payload; the signature itself in an annotation of the layer; the tag tells
//! of which digest they are. Documents of channels are kept with theirs in the same form, as an
//! artifact of our own.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci_spec::image::{Descriptor, ImageManifest, ImageManifestBuilder, MediaType, SCHEMA_VERSION};
use serde_json::json;
use troupe_core::{Code, Digest, Error, Result, limits};

use super::Signature;
use crate::image::{Blob, Image, MANIFEST_MEDIA_TYPE, Part, check_size, describe};
use crate::json::canonical;

/// The media type of a payload.
pub const SIGNATURE_MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

const CONFIG_MEDIA_TYPE: &str = "application/vnd.oci.image.config.v1+json";
/// The configuration of an artifact that has none (image-spec 1.1).
const EMPTY_MEDIA_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// Where cosign keeps a signature, in base64.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// Which key made it, of what we write; cosign passes over it.
const KEY: &str = "troupe.key";
/// When every image of signatures says it was made; cosign writes the same.
const CREATED: &str = "0001-01-01T00:00:00Z";

/// What kind of document an image holds the signatures of.
pub(crate) struct Form {
    /// How it is called in messages.
    pub(crate) called: &'static str,
    /// The media type of what was signed.
    pub(crate) document: &'static str,
    /// The type of the artifact, where it is one of our own; its configuration is then empty.
    pub(crate) artifact: Option<&'static str>,
    /// The code of its refusals.
    pub(crate) code: Code,
}

/// Signatures of releases, as cosign keeps them.
const OF_RELEASE: Form = Form {
    called: "image of signatures",
    document: SIGNATURE_MEDIA_TYPE,
    artifact: None,
    code: Code::ArtifactSignature,
};

impl Form {
    const fn config_media_type(&self) -> &'static str {
        if self.artifact.is_some() { EMPTY_MEDIA_TYPE } else { CONFIG_MEDIA_TYPE }
    }

    fn config(&self, layers: &[Blob]) -> Blob {
        let config = match self.artifact {
            Some(_) => json!({}),
            None => json!({
                "architecture": "", "config": {}, "created": CREATED, "os": "",
                "history": layers.iter().map(|_| json!({ "created": CREATED })).collect::<Vec<_>>(),
                "rootfs": {
                    "type": "layers", "diff_ids": layers.iter().map(|layer| layer.digest).collect::<Vec<_>>(),
                },
            }),
        };
        Blob::new(self.config_media_type(), canonical(&config))
    }

    /// Builds the image of some signatures: the same bytes for the same signatures in the same order.
    ///
    /// # Errors
    /// None that a caller could cause.
    pub(crate) fn build(&self, signatures: &[Signature]) -> Result<Image> {
        let layers: Vec<Blob> =
            signatures.iter().map(|signature| Blob::new(self.document, signature.payload.clone())).collect();
        let config = self.config(&layers);
        let described = signatures.iter().zip(&layers).map(|(signature, layer)| {
            let mut said = HashMap::from([(SIGNATURE.to_owned(), STANDARD.encode(&signature.bytes))]);
            said.extend(signature.hint.map(|key| (KEY.to_owned(), key.to_string())));
            let mut descriptor = describe(layer)?;
            descriptor.set_annotations(Some(said));
            Ok(descriptor)
        });
        let manifest = ImageManifestBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageManifest)
            .config(describe(&config)?)
            .layers(described.collect::<Result<Vec<_>>>()?);
        let manifest = match self.artifact {
            Some(artifact) => manifest.artifact_type(MediaType::from(artifact)),
            None => manifest,
        };
        let manifest = manifest.build().map_err(Error::internal)?;
        Ok(Image { manifest: Blob::new(MANIFEST_MEDIA_TYPE, canonical(&manifest)), config, layers })
    }

    /// Reads signatures from the bytes of an image manifest and the blobs it names; each blob is
    /// verified, whatever `fetch` returns. Nothing says yet that the signatures are good.
    ///
    /// # Errors
    /// The form's code if it is not such an image or has too many signatures,
    /// [`Code::ArtifactDigest`] if a blob is not the one that is named, and whatever `fetch` fails
    /// with.
    pub(crate) fn read(
        &self,
        manifest: &[u8],
        mut fetch: impl FnMut(&Digest, u64) -> Result<Vec<u8>>,
    ) -> Result<Vec<Signature>> {
        let Self { called, artifact, .. } = self;
        check_size(
            &format!("the manifest of an {called}"),
            manifest.len() as u64,
            limits::IMAGE_DOCUMENT_BYTES_MAX as u64,
        )?;
        let image: ImageManifest = serde_json::from_slice(manifest)
            .map_err(|why| self.bad(format!("the {called} is not one of OCI version 2")).with_cause(why))?;
        if let Some(wanted) = artifact
            && image.artifact_type().as_ref().is_none_or(|found| found.as_ref() != *wanted)
        {
            return Err(self.bad(format!("what is in the place of an {called} is not of the type `{wanted}`")));
        }
        let layers = image.layers();
        if layers.len() > limits::SIGNATURES_MAX {
            let (found, most) = (layers.len(), limits::SIGNATURES_MAX);
            return Err(self.bad(format!("the {called} has {found} signatures; it may have {most}")));
        }
        // Read for its digest alone, so that what an archive holds is what its index says.
        let config = self.part(image.config(), self.config_media_type(), limits::IMAGE_DOCUMENT_BYTES_MAX as u64)?;
        config.verify(&fetch(&config.digest, config.size)?)?;
        layers.iter().map(|layer| self.signature(layer, &mut fetch)).collect()
    }

    fn signature(
        &self,
        layer: &Descriptor,
        fetch: &mut impl FnMut(&Digest, u64) -> Result<Vec<u8>>,
    ) -> Result<Signature> {
        let part = self.part(layer, self.document, limits::SIGNATURE_PAYLOAD_BYTES_MAX as u64)?;
        let said = |name: &str| layer.annotations().as_ref().and_then(|said| said.get(name));
        let text =
            said(SIGNATURE).ok_or_else(|| self.bad(format!("a layer of the {} has no `{SIGNATURE}`", self.called)))?;
        let bytes = STANDARD.decode(text).map_err(|why| self.bad("a signature is not base64").with_cause(why))?;
        let payload = fetch(&part.digest, part.size)?;
        part.verify(&payload)?;
        Ok(Signature { payload, bytes, hint: said(KEY).and_then(|key| key.parse().ok()) })
    }

    fn part(&self, descriptor: &Descriptor, media_type: &str, max: u64) -> Result<Part> {
        let called = self.called;
        if descriptor.media_type().as_ref() != media_type {
            return Err(self.bad(format!("the {called} has no `{media_type}` in its place")));
        }
        check_size(media_type, descriptor.size(), max)?;
        let digest = descriptor.digest().as_ref().parse::<Digest>();
        let digest = digest.map_err(|why| {
            self.bad(format!("the {called} names a blob by another digest than sha256")).with_cause(why)
        })?;
        Ok(Part { digest, size: descriptor.size() })
    }

    fn bad(&self, message: impl Into<String>) -> Error {
        Error::new(self.code, message)
    }
}

/// The tag under which the signatures of a digest are kept.
pub fn signature_tag(digest: &Digest) -> String {
    format!("sha256-{}.sig", digest.hex())
}

/// Builds the image of some signatures: the same bytes for the same signatures in the same order.
///
/// # Errors
/// None that a caller could cause.
pub fn signature_image(signatures: &[Signature]) -> Result<Image> {
    OF_RELEASE.build(signatures)
}

/// Reads signatures from the bytes of an image manifest and the blobs it names; each blob is
/// verified, whatever `fetch` returns. Nothing says yet that the signatures are good.
///
/// # Errors
/// [`Code::ArtifactSignature`] if it is not an image of signatures or has too many,
/// [`Code::ArtifactDigest`] if a blob is not the one that is named, and whatever `fetch`
/// fails with.
pub fn read_signature_image(
    manifest: &[u8],
    fetch: impl FnMut(&Digest, u64) -> Result<Vec<u8>>,
) -> Result<Vec<Signature>> {
    OF_RELEASE.read(manifest, fetch)
}
