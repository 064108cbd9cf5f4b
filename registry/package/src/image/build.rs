//! From a release to its image.

use std::collections::HashMap;

use oci_spec::image::{
    ANNOTATION_DESCRIPTION, ANNOTATION_TITLE, ANNOTATION_VERSION, Descriptor, Digest as OciDigest,
    ImageManifestBuilder, MediaType, SCHEMA_VERSION,
};
use serde_json::value::RawValue;
use troupe_core::{Error, Result, limits};

use super::{
    ARCHITECTURE, Blob, COMPONENT_MEDIA_TYPE, Documents, Image, MANIFEST_MEDIA_TYPE, SYSTEM, WASM_CONFIG_MEDIA_TYPE,
    WasmConfig, check_size,
};
use crate::json::canonical;
use crate::{Manifest, Profile, Release};

/// When every image says it was made, so that the same release has the same digest.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// Builds the image of `release`.
pub(crate) fn build(release: &Release) -> Result<Image> {
    check_size("the component", release.component.len() as u64, limits::COMPONENT_BYTES_MAX)?;
    let manifest = release.manifest.to_json();
    let profile = release.profile.to_json();
    // Parts made by hand have not been checked; what cannot be read back is not written.
    Manifest::from_json(&manifest)?;
    Profile::parse(&String::from_utf8_lossy(&profile))?;

    let layers = vec![Blob::new(COMPONENT_MEDIA_TYPE, release.component.clone())];
    let config = WasmConfig {
        created: CREATED.to_owned(),
        architecture: ARCHITECTURE.to_owned(),
        os: SYSTEM.to_owned(),
        layer_digests: layers.iter().map(|layer| layer.digest).collect(),
        troupe: Some(Documents { manifest: raw(manifest)?, profile: raw(profile)? }),
    };
    let config = Blob::new(WASM_CONFIG_MEDIA_TYPE, canonical(&config));
    let image = ImageManifestBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageManifest)
        .config(describe(&config)?)
        .layers(layers.iter().map(describe).collect::<Result<Vec<_>>>()?)
        .annotations(HashMap::from([
            (ANNOTATION_TITLE.to_owned(), release.manifest.name.to_string()),
            (ANNOTATION_VERSION.to_owned(), release.manifest.version.to_string()),
            (ANNOTATION_DESCRIPTION.to_owned(), release.manifest.summary.clone()),
        ]))
        .build()
        .map_err(Error::internal)?;
    Ok(Image { manifest: Blob::new(MANIFEST_MEDIA_TYPE, canonical(&image)), config, layers })
}

/// A document of ours, to be written into another one as it is.
fn raw(json: Vec<u8>) -> Result<Box<RawValue>> {
    RawValue::from_string(String::from_utf8(json).map_err(Error::internal)?).map_err(Error::internal)
}

/// The descriptor of a blob.
pub(crate) fn describe(blob: &Blob) -> Result<Descriptor> {
    let digest: OciDigest = blob.digest.to_string().parse().map_err(Error::internal)?;
    Ok(Descriptor::new(MediaType::from(blob.media_type.as_str()), blob.bytes.len() as u64, digest))
}
