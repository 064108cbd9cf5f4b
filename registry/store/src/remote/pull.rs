//! Fetching a release from a registry.

use std::collections::HashMap;

use reqwest::header::{HeaderValue, RANGE};
use reqwest::{Method, StatusCode};
use troupe_core::{Code, Digest, Error, Result};
use troupe_package::signature::{Signature, read_signature_image, signature_tag};
use troupe_package::{Archived, Part, Parts, Release};

use super::fault::Fault;
use super::wire::{Ask, odd};
use super::{ImageName, Remote, Tries};

/// Who is asked for a blob by its digest and the most bytes it may have.
pub(super) type Fetch<'f> = dyn FnMut(&Digest, u64) -> Result<Vec<u8>> + Send + 'f;

/// Fetches a release with the signatures that are beside it, of which nobody has said yet that
/// they are good.
///
/// # Errors
/// [`Code::RegistryNotFound`], [`Code::RegistryDenied`], [`Code::RegistryUnavailable`]; the codes
/// `artifact.*` if what is there is no release, or other bytes than its digests say.
pub async fn pull(image: &ImageName) -> Result<Archived> {
    let remote = Remote::of(image).await?;
    let manifest = remote.manifest(image).await?;
    let digest = Digest::of(&manifest);
    if let Some(named) = image.digest()?
        && named != digest
    {
        let message = format!("the registry answers {image} with an image whose digest is {digest}");
        return Err(Error::new(Code::ArtifactDigest, message));
    }
    let parts = Parts::read(&manifest)?;
    let mut blobs = HashMap::new();
    for part in parts.all() {
        blobs.insert(part.digest, remote.blob(image, &part).await?);
    }
    let release = Release::from_blobs(&manifest, |digest, _| {
        let blob = blobs.remove(digest);
        blob.ok_or_else(|| Error::internal("a blob of a release was not asked for"))
    })?;
    let signatures = remote.signatures(image, &digest).await?;
    Ok(Archived { digest, release, signatures })
}

impl Remote {
    /// The signatures of a digest, which are kept in the same repository.
    pub(super) async fn signatures(&self, image: &ImageName, digest: &Digest) -> Result<Vec<Signature>> {
        let image = image.tagged(signature_tag(digest));
        let manifest = match self.manifest(&image).await {
            Ok(manifest) => manifest,
            Err(error) if error.code == Code::RegistryNotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        self.gathered(&image, |fetch| read_signature_image(&manifest, fetch)).await
    }

    /// What `read` makes of the small blobs of an image, which it asks for one after the other.
    pub(super) async fn gathered<T>(&self, image: &ImageName, read: impl Fn(&mut Fetch<'_>) -> Result<T>) -> Result<T> {
        let mut blobs = HashMap::new();
        loop {
            // Each round names one blob that is still to be fetched, up to as many as there may be.
            let mut missing = None;
            let made = read(&mut |digest, size| {
                blobs.get(digest).cloned().ok_or_else(|| {
                    missing = Some(Part { digest: *digest, size });
                    Error::internal("a blob is yet to be fetched")
                })
            });
            let Some(part) = missing else { return made };
            blobs.insert(part.digest, self.blob(image, &part).await?);
        }
    }

    /// A blob, held against its name. What has come before a connection broke is not fetched
    /// again.
    async fn blob(&self, image: &ImageName, part: &Part) -> Result<Vec<u8>> {
        let (mut tries, mut came) = (Tries::new(), Vec::new());
        loop {
            let before = came.len();
            let Err(fault) = self.rest(part, &mut came).await else { break };
            if came.len() > before {
                tries.renew();
            }
            tries.again(image, fault).await?;
        }
        part.verify(&came)?;
        Ok(came)
    }

    /// What is missing of a blob.
    async fn rest(&self, part: &Part, came: &mut Vec<u8>) -> Result<(), Fault> {
        let ask = Ask::new(Method::GET, self.at(&format!("blobs/{}", part.digest))?);
        let ask = if came.is_empty() {
            ask
        } else {
            let from = HeaderValue::from_str(&format!("bytes={}-", came.len())).map_err(Error::internal)?;
            ask.with(RANGE, from)
        };
        let mut answer = self.send(&ask).await?;
        // Whoever knows nothing of ranges sends it all.
        if answer.status() != StatusCode::PARTIAL_CONTENT {
            came.clear();
        }
        while let Some(piece) = answer.chunk().await? {
            if came.len() as u64 + piece.len() as u64 > part.size {
                let message = format!("blob {} is longer than the {} bytes it is named with", part.digest, part.size);
                return Err(Error::new(Code::ArtifactSize, message).into());
            }
            came.extend_from_slice(&piece);
        }
        if (came.len() as u64) < part.size {
            return Err(odd("ended a blob too early").into());
        }
        Ok(())
    }
}
