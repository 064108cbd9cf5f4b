//! A release: one immutable version of an agent.

use troupe_core::{Code, Digest, Effect, Error, Result};

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

    /// Checks that each pattern of skills has one, that each trigger names a skill that is offered, and that
    /// the one that says whether an instance is healthy only reads.
    ///
    /// # Errors
    /// [`Code::ManifestInvalid`] or [`Code::ProfileInvalid`], naming the pattern, the trigger or the skill.
    pub fn check_offer(&self) -> Result<()> {
        for pattern in &self.manifest.skills {
            if !self.profile.skills.iter().any(|skill| pattern.takes(&skill.name)) {
                let message = format!("`skills` names `{pattern}`, and the component has no such skill");
                return Err(Error::new(Code::ManifestInvalid, message));
            }
        }
        let offered = self.profile.clone().offered(&self.manifest);
        let said = [(Code::ManifestInvalid, &self.manifest.triggers), (Code::ProfileInvalid, &offered.triggers)];
        for (code, triggers) in said {
            let unknown = |skill: &&troupe_core::SkillName| offered.skill(skill.as_str()).is_none();
            for trigger in triggers {
                if let Some(skill) = trigger.skill.as_ref().filter(unknown) {
                    let message = format!(
                        "the trigger `{}` names the skill `{skill}`, which the agent does not have",
                        trigger.event
                    );
                    return Err(Error::new(code, message));
                }
            }
        }
        let Some(health) = &self.manifest.health else { return Ok(()) };
        let refused = |why: &str| {
            let message = format!("`health` names the skill `{}`, which {why}", health.skill);
            Err(Error::new(Code::ManifestInvalid, message))
        };
        match offered.skill(health.skill.as_str()) {
            None => refused("the agent does not have"),
            Some(skill) if skill.effect != Effect::Read => {
                refused("may change something; a check is a skill of effect class `read`")
            }
            Some(_) => Ok(()),
        }
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
