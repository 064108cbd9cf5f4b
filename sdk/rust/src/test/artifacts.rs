//! Artefacts in memory: what the agent has left.

use std::cell::RefCell;
use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::world::with;
use crate::artifacts::Artifact;
use crate::{CapabilityError, Problem};

/// An artefact that the agent has finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

#[derive(Debug, Default)]
pub struct Artifacts {
    pub left: Vec<Left>,
    /// Names of those that are written.
    open: BTreeSet<String>,
    pub failure: Option<CapabilityError>,
}

impl Artifacts {
    fn check(&self) -> Result<(), CapabilityError> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn create(&mut self, name: &str) -> Result<(), CapabilityError> {
        self.check()?;
        let is_first = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_name = name.len() <= 120
            && name.starts_with(is_first)
            && !name.ends_with('.')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !is_name {
            return Err(CapabilityError::Invalid(Problem::new(format_args!("`{name}` is no name of an artefact"))));
        }
        if self.left.iter().any(|left| left.name == name) || !self.open.insert(name.to_owned()) {
            let message = format_args!("the task has an artefact `{name}` already; choose another name");
            return Err(CapabilityError::Invalid(Problem::new(message)));
        }
        Ok(())
    }
}

/// An artefact that is being written.
#[derive(Debug)]
pub struct ArtifactWriter {
    name: String,
    media_type: String,
    bytes: RefCell<Vec<u8>>,
}

pub fn create_artifact(name: &str, media_type: &str) -> Result<ArtifactWriter, CapabilityError> {
    with(|world| world.artifacts.create(name))?;
    Ok(ArtifactWriter { name: name.to_owned(), media_type: media_type.to_owned(), bytes: RefCell::default() })
}

impl ArtifactWriter {
    pub fn write(&self, bytes: &[u8]) -> Result<(), CapabilityError> {
        with(|world| world.artifacts.check())?;
        self.bytes.borrow_mut().extend(bytes);
        Ok(())
    }

    pub fn finish(self) -> Result<Artifact, CapabilityError> {
        with(|world| world.artifacts.check())?;
        let bytes = self.bytes.take();
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
        let (name, size) = (self.name.clone(), bytes.len() as u64);
        let left = Left { name: name.clone(), media_type: self.media_type.clone(), bytes };
        with(|world| world.artifacts.left.push(left));
        Ok(Artifact { name, size, digest })
    }
}

impl Drop for ArtifactWriter {
    fn drop(&mut self) {
        with(|world| world.artifacts.open.remove(&self.name));
    }
}
