//! Documents of channels in a registry: one image, under a tag of the channel, beside the
//! releases of its agent. Document and signatures are replaced with one write.

use troupe_core::{Code, Result};
use troupe_package::SignedChannel;

use super::{ImageName, Remote};

/// Fetches the document of a channel, of whose signatures nobody has said yet that they are good;
/// nothing if there is none.
///
/// # Errors
/// [`Code::RegistryDenied`], [`Code::RegistryUnavailable`]; those of [`SignedChannel::from_blobs`].
pub async fn pull_channel(image: &ImageName) -> Result<Option<SignedChannel>> {
    let remote = Remote::of(image).await?;
    let manifest = match remote.manifest(image).await {
        Ok(manifest) => manifest,
        Err(error) if error.code == Code::RegistryNotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    remote.gathered(image, |fetch| SignedChannel::from_blobs(&manifest, fetch)).await.map(Some)
}

/// Sends the document of a channel, in place of the one that is there.
///
/// # Errors
/// [`Code::RegistryDenied`], [`Code::RegistryUnavailable`].
pub async fn push_channel(channel: &SignedChannel, image: &ImageName) -> Result<()> {
    let remote = Remote::of(image).await?;
    remote.send_image(image, &channel.image()?).await
}
