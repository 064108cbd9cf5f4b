//! Takes secrets out of what comes back.
//!
//! **The attack.** An endpoint that the guest may call echoes its request: the
//! `authorization` header that the host added stands in the answer's body, and the guest
//! reads the credential it was never to hold. Or the endpoint echoes it in base64, or
//! escaped for a URL or for JSON.
//!
//! **The rule.** Every occurrence of a secret in answers and logs is replaced by a mark,
//! wherever the bytes are cut into pieces. Searched for are, besides the secret itself,
//! its base64 forms at each of the three offsets it can have inside a longer text, its
//! hexadecimal and percent-encoded forms, and how JSON and XML writers spell it.
//!
//! **The limit.** A secret shorter than 8 bytes is refused: its forms would match
//! ordinary text. A body that is compressed or encrypted hides whatever it holds, and one
//! that is asked for in ranges may be cut inside a secret; whoever injects a credential
//! must ask for an answer without content encoding, and for all of it.

mod forms;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Deref;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use troupe_core::{Code, Digest, Error, Result, limits};
use zeroize::Zeroizing;

/// Marks in order of preference. One is usable if no form of a secret can arise from it
/// and the bytes around it.
const MARKS: [&[u8]; 3] = [b"[redacted]", b"<redacted>", b"***"];

/// Knows a set of secrets in all their forms.
pub struct Scrubber {
    id: Digest,
    search: AhoCorasick,
    /// The length of the longest form.
    longest: usize,
    mark: Vec<u8>,
}

impl Scrubber {
    /// Prepares to search for `secrets`.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] if a secret is shorter than 8 bytes, or if the secrets
    /// hold so many different bytes that no mark can be told from them.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Result<Self> {
        let mut forms = Vec::new();
        for secret in secrets {
            if secret.len() < limits::SECRET_BYTES_MIN {
                return Err(Error::new(
                    Code::CredentialsInvalid,
                    format!(
                        "a secret has {} bytes; at least {} are needed so that answers can be searched for it",
                        secret.len(),
                        limits::SECRET_BYTES_MIN
                    ),
                ));
            }
            forms.extend(forms::of(secret));
        }
        forms.sort_unstable();
        forms.dedup();
        let mark = mark_for(&forms).ok_or_else(|| {
            Error::new(Code::CredentialsInvalid, "the secrets hold every byte there is; none is left to mark them with")
        })?;
        let longest = forms.iter().map(Vec::len).max().unwrap_or(0);
        let mut named = Vec::new();
        for form in &forms {
            named.extend_from_slice(&(form.len() as u64).to_le_bytes());
            named.extend_from_slice(form);
        }
        let id = Digest::of(&Zeroizing::new(named));
        // Chosen by itself, it would be the kind that is fastest and takes megabytes of memory
        // for one long token.
        let kind = Some(AhoCorasickKind::ContiguousNFA);
        let search = AhoCorasick::builder().kind(kind).build(&forms).map_err(Error::internal)?;
        Ok(Self { id, search, longest, mark })
    }

    /// The same for whoever knows the same secrets, and never told to anybody.
    pub const fn id(&self) -> Digest {
        self.id
    }

    /// The length of the longest form, in bytes. Of two that search one text, the longer goes
    /// first: its secret may hold that of the other.
    pub const fn longest(&self) -> usize {
        self.longest
    }

    /// Scrubs a whole text.
    pub fn scrub(&self, text: &[u8]) -> Vec<u8> {
        let mut stream = self.stream();
        let mut clean = stream.push(text);
        clean.extend(stream.finish());
        clean
    }

    /// Begins to scrub a text that comes in pieces.
    pub fn stream(&self) -> ScrubStream<&Self> {
        ScrubStream::of(self)
    }
}

impl fmt::Debug for Scrubber {
    /// Neither the forms nor a digest of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrubber").finish_non_exhaustive()
    }
}

/// A text being scrubbed, piece by piece. It holds back what could be the beginning of a
/// secret: one byte less than the longest form.
#[derive(Debug)]
pub struct ScrubStream<S> {
    scrubber: S,
    held: Vec<u8>,
    /// How many of the held bytes belong to a secret whose mark was given out already.
    covered: usize,
    found: bool,
}

impl<S: Deref<Target = Scrubber>> ScrubStream<S> {
    /// Begins to scrub a text that comes in pieces, by a scrubber that is borrowed or shared.
    pub const fn of(scrubber: S) -> Self {
        Self { scrubber, held: Vec::new(), covered: 0, found: false }
    }

    /// Takes a piece and returns what is known to be clean.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        let known = self.held.len().saturating_sub(self.scrubber.longest.saturating_sub(1));
        self.release(known)
    }

    /// Whether a secret was found so far.
    pub const fn found(&self) -> bool {
        self.found
    }

    /// Returns the rest, at the end of the text.
    pub fn finish(&mut self) -> Vec<u8> {
        self.release(self.held.len())
    }

    /// Gives out the first `known` held bytes, in which every secret that begins there
    /// ends within what is held. Secrets that overlap become one mark.
    fn release(&mut self, known: usize) -> Vec<u8> {
        let mut clean = Vec::with_capacity(known);
        // Up to here, bytes were given out or are covered by a mark.
        let mut done = self.covered;
        let mut found: Vec<(usize, usize)> = self
            .scrubber
            .search
            .find_overlapping_iter(&self.held)
            .map(|found| (found.start(), found.end()))
            .filter(|(start, _)| *start < known)
            .collect();
        found.sort_unstable();
        for (start, end) in found {
            self.found = true;
            if start >= done {
                clean.extend_from_slice(self.held.get(done..start).unwrap_or_default());
                clean.extend_from_slice(&self.scrubber.mark);
            }
            done = done.max(end);
        }
        if done < known {
            clean.extend_from_slice(self.held.get(done..known).unwrap_or_default());
            done = known;
        }
        self.held.drain(..known);
        self.covered = done - known;
        clean
    }
}

/// A mark that shares no byte with a form, save inside the mark's own brackets, where
/// only a form made of the mark's letters could hide.
fn mark_for(forms: &[Vec<u8>]) -> Option<Vec<u8>> {
    let usable = |mark: &&[u8]| {
        let edges = [mark.first(), mark.last()];
        forms.iter().all(|form| {
            edges.iter().flatten().all(|edge| !form.contains(edge))
                && !mark.windows(form.len().max(1)).any(|part| part == form.as_slice())
        })
    };
    if let Some(mark) = MARKS.iter().copied().find(|mark| usable(mark)) {
        return Some(mark.to_vec());
    }
    // What can stand in a header, and in JSON as it is, before any other.
    let plain = (b'!'..=b'~').filter(|byte| !b"\"\\".contains(byte));
    plain.chain(0..=u8::MAX).find(|byte| forms.iter().all(|form| !form.contains(byte))).map(|byte| vec![byte])
}
