//! A release: one immutable version of an agent.

use troupe_core::{Digest, Result};

use crate::image::{self, Image, Part, Parts};
use crate::{Manifest, Profile};

/// One immutable version of an agent: what its author says, what it says itself, and
/// the component.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// What the author says about the agent.
    pub manifest: Manifest,
    /// What the component says about itself.
    pub profile: Profile,
    /// The component, a WebAssembly binary. Whether it is one is for the sandbox to say.
    pub component: Vec<u8>,
}

impl Release {
    /// Builds the OCI image of the release: the same bytes for the same release.
    ///
    /// # Errors
    /// [`Code::ArtifactSize`] for too large a component; [`Code::ManifestInvalid`] or
    /// [`Code::ProfileInvalid`] where a hand-made part could not be read back.
    pub fn image(&self) -> Result<Image> {
        image::build(self)
    }

    /// Reads a release from the bytes of its image manifest and the blobs it names.
    ///
    /// `fetch` is asked for each blob by digest and gets the most bytes it may return.
    /// Every digest and size is verified here, whatever `fetch` returns.
    ///
    /// # Errors
    /// [`Code::ArtifactMalformed`] if the image is not one of a release,
    /// [`Code::ArtifactSize`] if a part is larger than the host accepts,
    /// [`Code::ArtifactDigest`] if a blob is not the one that is named,
    /// [`Code::ManifestInvalid`] and [`Code::ProfileInvalid`] for their contents, and
    /// whatever `fetch` fails with.
    pub fn from_blobs(manifest: &[u8], mut fetch: impl FnMut(&Digest, u64) -> Result<Vec<u8>>) -> Result<Self> {
        let parts = Parts::read(manifest)?;
        let (manifest, profile) = image::documents(&verified(&parts.config, &mut fetch)?, &parts)?;
        let component = verified(&parts.component, &mut fetch)?;
        Ok(Self { manifest, profile, component })
    }
}

/// Fetches a part and holds it against its descriptor.
fn verified(part: &Part, fetch: &mut impl FnMut(&Digest, u64) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
    let bytes = fetch(&part.digest, part.size)?;
    part.verify(&bytes)?;
    Ok(bytes)
}
