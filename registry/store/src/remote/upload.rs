//! Sending a blob, in pieces, each after what the registry has of it by then.

use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE};
use reqwest::{Method, Response, StatusCode, Url};
use troupe_core::{Error, Result};
use troupe_package::Blob;

use super::fault::Fault;
use super::wire::{Ask, odd};
use super::{ImageName, Remote, Tries};

/// How much is sent at once, in bytes: what a slow line carries within the time a registry may be silent.
const PIECE_BYTES: usize = 4 * 1024 * 1024;

/// A blob that is on its way.
struct Upload {
    /// Where it goes on.
    at: Url,
    /// How much of it the registry has, in bytes.
    came: usize,
}

impl Remote {
    /// Sends a blob unless it is there. What broke off goes on where it did.
    pub(super) async fn send_blob(&self, image: &ImageName, blob: &Blob) -> Result<()> {
        let bytes = Bytes::from(blob.bytes.clone());
        let (mut tries, mut under_way) = (Tries::new(), None);
        loop {
            let before = came(under_way.as_ref());
            match self.upload(blob, &bytes, &mut under_way).await {
                Ok(()) => return Ok(()),
                Err(fault) => {
                    if came(under_way.as_ref()) > before {
                        tries.renew();
                    }
                    tries.again(image, fault).await?;
                }
            }
        }
    }

    async fn upload(&self, blob: &Blob, bytes: &Bytes, under_way: &mut Option<Upload>) -> Result<(), Fault> {
        let upload = match under_way.as_ref() {
            None if self.is_there(blob).await? => return Ok(()),
            None => self.begin().await?,
            // The registry may have more of it than it has said, or nothing any more.
            Some(upload) => match self.look(upload).await? {
                Some(upload) => upload,
                None => self.begin().await?,
            },
        };
        let upload = under_way.insert(upload);
        while upload.came < bytes.len() {
            let end = bytes.len().min(upload.came + PIECE_BYTES);
            let range = format!("{}-{}", upload.came, end - 1);
            let ask = Ask::new(Method::PATCH, upload.at.clone())
                .with(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
                .with(CONTENT_RANGE, HeaderValue::from_str(&range).map_err(Error::internal)?)
                .carrying(bytes.slice(upload.came..end));
            let answer = self.send(&ask).await?;
            let came = has(&answer).unwrap_or(end);
            if came <= upload.came || came > bytes.len() {
                return Err(odd("does not say how much it has of what it was sent").into());
            }
            *upload = Upload { at: self.next(&answer)?, came };
        }
        let mut whole = upload.at.clone();
        whole.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
        let ask = Ask::new(Method::PUT, whole).with(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        self.send(&ask).await?;
        Ok(())
    }

    async fn is_there(&self, blob: &Blob) -> Result<bool, Fault> {
        match self.send(&Ask::new(Method::HEAD, self.at(&format!("blobs/{}", blob.digest))?)).await {
            Ok(_) => Ok(true),
            Err(fault) if fault.is_status(StatusCode::NOT_FOUND) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    async fn begin(&self) -> Result<Upload, Fault> {
        let answer = self.send(&Ask::new(Method::POST, self.at("blobs/uploads/")?)).await?;
        Ok(Upload { at: self.next(&answer)?, came: 0 })
    }

    /// How far an upload is that broke off; nothing if it has to begin anew.
    async fn look(&self, upload: &Upload) -> Result<Option<Upload>, Fault> {
        match self.send(&Ask::new(Method::GET, upload.at.clone())).await {
            Ok(answer) => {
                // One that says nothing of how far it is has nothing, or is not to be trusted with the rest.
                let at = self.next(&answer).unwrap_or_else(|_| upload.at.clone());
                Ok(has(&answer).map(|came| Upload { at, came }))
            }
            Err(Fault::Refused { status, .. }) if status.is_client_error() => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}

fn came(upload: Option<&Upload>) -> usize {
    upload.map_or(0, |upload| upload.came)
}

/// How many bytes an answer says that the registry has: `Range: 0-LAST`, the last one included.
fn has(answer: &Response) -> Option<usize> {
    let range = answer.headers().get(RANGE)?.to_str().ok()?;
    let last: usize = range.strip_prefix("bytes=").unwrap_or(range).strip_prefix("0-")?.parse().ok()?;
    // Nothing at all is written as `0-0`, which is also how one byte is.
    Some(if last == 0 { 0 } else { last + 1 })
}
