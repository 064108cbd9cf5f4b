//! The two documents that make a directory an OCI image layout.

use std::collections::HashMap;

use oci_spec::image::{
    ANNOTATION_REF_NAME, Descriptor, Digest as OciDigest, ImageIndexBuilder, MediaType, OciLayoutBuilder,
    SCHEMA_VERSION,
};
use troupe_core::{Digest, Error, ReleaseRef, Result};

use crate::json::canonical;

/// The name of the file that says which version of the layout a directory has.
pub const LAYOUT_FILE: &str = super::LAYOUT_ENTRY;

/// The version of the layout.
pub(super) const LAYOUT_VERSION: &str = "1.0.0";

/// Writes the contents of [`LAYOUT_FILE`].
///
/// # Errors
/// None that a caller could cause.
pub fn layout_file() -> Result<Vec<u8>> {
    let layout = OciLayoutBuilder::default().image_layout_version(LAYOUT_VERSION).build().map_err(Error::internal)?;
    Ok(canonical(&layout))
}

/// Writes an `index.json` that names image manifests by digest, size in bytes and tag.
///
/// # Errors
/// None that a caller could cause.
pub fn index(images: impl IntoIterator<Item = (Digest, u64, String)>) -> Result<Vec<u8>> {
    let mut manifests = Vec::new();
    for (digest, size, tag) in images {
        let digest: OciDigest = digest.to_string().parse().map_err(Error::internal)?;
        let mut descriptor = Descriptor::new(MediaType::ImageManifest, size, digest);
        descriptor.set_annotations(Some(HashMap::from([(ANNOTATION_REF_NAME.to_owned(), tag)])));
        manifests.push(descriptor);
    }
    let index = ImageIndexBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageIndex)
        .manifests(manifests)
        .build()
        .map_err(Error::internal)?;
    Ok(canonical(&index))
}

/// Writes a release as a tag, `NAME:VERSION`. Tags have no `+`, so it becomes `_`, which
/// no version contains.
pub fn reference_tag(release: &ReleaseRef) -> String {
    format!("{}:{}", release.agent, release.version.to_string().replace('+', "_"))
}
