//! Artefacts, served by the host.

use crate::CapabilityError;
use crate::artifacts::Artifact;
use crate::bindings::troupe::agent::artifacts as wit;

/// An artefact that is being written.
#[derive(Debug)]
pub struct ArtifactWriter(wit::Writer);

pub fn create_artifact(name: &str, media_type: &str) -> Result<ArtifactWriter, CapabilityError> {
    Ok(ArtifactWriter(wit::create(name, media_type)?))
}

impl ArtifactWriter {
    pub fn write(&self, bytes: &[u8]) -> Result<(), CapabilityError> {
        Ok(self.0.write(bytes)?)
    }

    pub fn finish(self) -> Result<Artifact, CapabilityError> {
        let wit::Info { name, size, digest } = wit::Writer::finish(self.0)?;
        Ok(Artifact { name, size, digest })
    }
}
