//! The archive: entries of tar in a stream of zstd.

use std::io::{self, Write as _};

use bytes::Bytes;
use tokio::sync::mpsc;
use troupe_core::{Code, Error, Result, limits};

/// How hard it is compressed: as much as keeps up with a disk.
const LEVEL: i32 = 3;

/// What the size of an entry is rounded up to, in bytes.
const BLOCK: u64 = 512;

/// Who may read and change what comes out of the archive.
const MODE: u32 = 0o600;

/// Writes an archive to whoever takes its pieces.
pub(super) struct Archive<'a> {
    zstd: zstd::stream::write::Encoder<'static, Vec<u8>>,
    pieces: &'a mpsc::Sender<Result<Bytes>>,
}

impl<'a> Archive<'a> {
    pub(super) fn new(pieces: &'a mpsc::Sender<Result<Bytes>>) -> Result<Self> {
        let mut zstd = zstd::stream::write::Encoder::new(Vec::new(), LEVEL).map_err(Error::internal)?;
        zstd.include_checksum(true).map_err(Error::internal)?;
        Ok(Self { zstd, pieces })
    }

    /// Adds an entry that is in memory.
    pub(super) async fn entry(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        self.head(path, bytes.len() as u64, 0)?;
        self.bytes(bytes).await?;
        self.pad(bytes.len() as u64).await
    }

    /// Begins an entry of `size` bytes, changed so many seconds after 1970; the bytes follow, then [`Self::pad`].
    pub(super) fn head(&mut self, path: &str, size: u64, changed: u64) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(MODE);
        header.set_mtime(changed);
        let mut builder = tar::Builder::new(Vec::new());
        // Nothing follows but what a long path needs: the bytes come piece by piece.
        builder.append_data(&mut header, path, io::empty()).map_err(Error::internal)?;
        let head = std::mem::take(builder.get_mut());
        self.zstd.write_all(&head).map_err(Error::internal)
    }

    /// Adds bytes of the entry that was begun.
    pub(super) async fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.zstd.write_all(bytes).map_err(Error::internal)?;
        self.hand_over().await
    }

    /// Ends an entry of `size` bytes.
    pub(super) async fn pad(&mut self, size: u64) -> Result<()> {
        let missing = usize::try_from(size.next_multiple_of(BLOCK) - size).unwrap_or(0);
        self.zstd.write_all(&vec![0; missing]).map_err(Error::internal)?;
        self.hand_over().await
    }

    /// Ends the archive.
    pub(super) async fn end(mut self) -> Result<()> {
        // Two blocks of nothing (POSIX.1-1988, ustar).
        self.zstd.write_all(&vec![0; 2 * BLOCK as usize]).map_err(Error::internal)?;
        let rest = self.zstd.finish().map_err(Error::internal)?;
        send(self.pieces, rest).await
    }

    async fn hand_over(&mut self) -> Result<()> {
        let ready = std::mem::take(self.zstd.get_mut());
        if ready.is_empty() { Ok(()) } else { send(self.pieces, ready).await }
    }
}

async fn send(pieces: &mpsc::Sender<Result<Bytes>>, piece: Vec<u8>) -> Result<()> {
    let gone = |_| Error::new(Code::Cancelled, "nobody takes the backup any more");
    pieces.send_timeout(Ok(Bytes::from(piece)), limits::SOCKET_SEND_TIME_MAX).await.map_err(gone)
}
