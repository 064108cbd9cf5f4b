//! Files that nobody needs.

/// Files that nobody needs: found, or removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rubbish {
    /// How many.
    pub files: u64,
    /// What they take together, in bytes.
    pub bytes: u64,
}

impl Rubbish {
    /// Counts one more.
    pub const fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}
