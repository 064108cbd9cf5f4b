//! Sending a release to a registry.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use troupe_core::{Code, Digest, Error, Result, limits};
use troupe_package::image::MANIFEST_MEDIA_TYPE;
use troupe_package::signature::{Signature, signature_image, signature_tag};
use troupe_package::{Image, Release};

use super::wire::Ask;
use super::{ImageName, Remote, Tries};

/// Sends a release and its signatures; returns its digest. What the registry has already is not
/// sent again, so what broke off goes on by sending it again; signatures are added to those that
/// are there.
///
/// # Errors
/// [`Code::ArtifactImmutable`] if the tag names another image there; [`Code::RegistryDenied`],
/// [`Code::RegistryUnavailable`], and those of [`Release::image`].
pub async fn push(release: &Release, signatures: Vec<Signature>, image: &ImageName) -> Result<Digest> {
    let remote = Remote::of(image).await?;
    let made = release.image()?;
    let digest = made.digest();
    match remote.there(image).await? {
        None => remote.send_image(image, &made).await?,
        Some(there) if there == digest => {}
        Some(there) => {
            let message = format!("{image} names another image, {there}; a version never changes, so raise it");
            return Err(Error::new(Code::ArtifactImmutable, message));
        }
    }
    let mut all = remote.signatures(image, &digest).await?;
    let before = all.len();
    let is_new = |signature: &Signature, all: &[Signature]| {
        all.iter().all(|other| (&other.payload, &other.bytes) != (&signature.payload, &signature.bytes))
    };
    for signature in signatures {
        if is_new(&signature, &all) {
            all.push(signature);
        }
    }
    let most = limits::SIGNATURES_MAX;
    if all.len() > most {
        let message = format!("{image} would have {} signatures there, and may have {most}", all.len());
        return Err(Error::new(Code::ArtifactSignature, message));
    }
    if all.len() > before {
        remote.send_image(&image.tagged(signature_tag(&digest)), &signature_image(&all)?).await?;
    }
    Ok(digest)
}

impl Remote {
    /// Sends an image, its manifest last, so that nobody finds one whose parts are missing.
    pub(super) async fn send_image(&self, image: &ImageName, made: &Image) -> Result<()> {
        for blob in made.layers.iter().chain([&made.config]) {
            self.send_blob(image, blob).await?;
        }
        let ask = Ask::new(Method::PUT, self.at(&format!("manifests/{}", image.named()))?)
            .with(CONTENT_TYPE, HeaderValue::from_static(MANIFEST_MEDIA_TYPE))
            .carrying(made.manifest.bytes.clone().into());
        let mut tries = Tries::new();
        while let Err(fault) = self.send(&ask).await {
            tries.again(image, fault).await?;
        }
        Ok(())
    }

    /// The digest of what is there by this name, if anything is.
    async fn there(&self, image: &ImageName) -> Result<Option<Digest>> {
        match self.manifest(image).await {
            Ok(manifest) => Ok(Some(Digest::of(&manifest))),
            Err(error) if error.code == Code::RegistryNotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
