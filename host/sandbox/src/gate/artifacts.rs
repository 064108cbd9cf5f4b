//! `artifacts` at the gate: its calls and answers, which of them are allowed, with which arguments, and what
//! performing one means.
//!
//! The attack: a guest fills the disk, leaves a thing whose name leads elsewhere on the machine of whoever fetches
//! it, or one that is a half and looks whole. The rule: a grant says how many bytes the artefacts of one task may
//! have together and how many there may be, of which what is not finished counts as well; a name is a file's own,
//! on any system; and nobody but its guest sees an artefact before the commit that finishes it. The default:
//! without a grant, nothing.
//!
//! An artefact is part of what the task answers, so leaving one is of class read. A piece that was taken has no
//! row: the guest that is resumed hands the same over again, and the row of the finish holds the digest of them
//! all. One that was refused has a row, as any refusal, so that the guest is told the same.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use serde::{Deserialize, Serialize};
use troupe_core::{ArtifactName, ArtifactOutcome, Code, Digest, Error, Grants, MediaType, Result as Outcome, limits};

use super::call::encode;
use super::deed::{Change, Deed};
use super::http::shown;
use super::recording::Past;
use super::{Answer, Call, Gate, Then};
use crate::artifacts::{Artifacts, Draft};
use crate::port::NewArtifact;

/// A call of `artifacts`, as the guest made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ArtifactsCall {
    /// `create`
    Create {
        /// Its name.
        name: String,
        /// Its media type.
        media_type: String,
    },
    /// `write`
    Write {
        /// The name of the artefact.
        name: String,
        /// How many bytes the piece has.
        bytes: u64,
    },
    /// `finish`
    Finish {
        /// The name of the artefact.
        name: String,
        /// Its media type.
        media_type: String,
        /// How many bytes it has.
        size: u64,
        /// The digest of them.
        digest: Digest,
    },
}

impl ArtifactsCall {
    /// The capability and function, as messages name them.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "artifacts.create",
            Self::Write { .. } => "artifacts.write",
            Self::Finish { .. } => "artifacts.finish",
        }
    }

    fn artifact(&self) -> &str {
        let (Self::Create { name, .. } | Self::Write { name, .. } | Self::Finish { name, .. }) = self;
        name
    }

    /// What was called, for a person.
    pub(super) fn describe(&self) -> String {
        format!("{} {}", self.name(), shown(self.artifact()))
    }
}

/// What a call of `artifacts` was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ArtifactsAnswer {
    /// It is begun.
    Created,
    /// It is kept.
    Finished {
        /// How many bytes it has.
        size: u64,
        /// The digest of them.
        digest: Digest,
    },
}

impl ArtifactsAnswer {
    /// What came of the call, in short, for a person.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Created => "begun".to_owned(),
            Self::Finished { size, digest } => format!("{size} bytes, {digest}"),
        }
    }
}

impl Answer {
    /// What the guest is told of finishing an artefact.
    pub fn of_artifact(outcome: &ArtifactOutcome) -> Self {
        match outcome {
            ArtifactOutcome::Kept(kept) => {
                Self::Artifacts(ArtifactsAnswer::Finished { size: kept.size, digest: kept.digest })
            }
            ArtifactOutcome::Full(most) => {
                let message = format!(
                    "the artefact was not kept: those of the tenant may have {} together; redact tasks that nobody needs any more",
                    limits::bytes(*most)
                );
                Self::limit(Code::LimitArtifacts, *most, message)
            }
        }
    }
}

/// An artefact that a guest writes.
#[derive(Debug)]
pub struct Writing {
    name: String,
    media_type: String,
    draft: Draft,
}

/// The artefacts of an invocation, with what each has: those that are finished and those that are written.
#[derive(Debug, Default)]
pub(super) struct Left(BTreeMap<String, u64>);

impl Left {
    fn bytes(&self) -> u64 {
        self.0.values().sum()
    }

    fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Leave to do what was asked; made by [`authorize`] alone.
#[derive(Debug)]
pub(super) struct Permit(());

/// Decides whether `grants` allow `call` to an invocation that has `left` so much, and whether its arguments are
/// acceptable.
pub(super) fn authorize(grants: &Grants, call: &ArtifactsCall, left: &Left) -> Result<Permit, Answer> {
    let what = format!("`{}` of `{}`", call.name(), shown(call.artifact()));
    let Some(grant) = grants.artifacts else {
        return Err(Answer::denied(format!(
            "{what} was denied: this deployment has no grant of `artifacts`; the manifest must ask for it and the operator grant it"
        )));
    };
    let full =
        |most: u64, why: String| Err(Answer::limit(Code::LimitArtifacts, most, format!("{what} was refused: {why}")));
    let count = u64::from(grant.count);
    let most = limits::bytes(grant.bytes);
    match call {
        ArtifactsCall::Create { name, media_type } => {
            name.parse::<ArtifactName>().map_err(|error| Answer::Invalid(error.message))?;
            media_type.parse::<MediaType>().map_err(|error| Answer::Invalid(error.message))?;
            if left.0.contains_key(name) {
                return Err(Answer::Invalid(format!("the task has an artefact `{name}` already; choose another name")));
            }
            if left.count() >= count {
                return full(count, format!("a task may leave {count} artefacts by this grant"));
            }
        }
        ArtifactsCall::Write { bytes, .. } => {
            let piece = limits::ARTIFACT_PIECE_BYTES_MAX as u64;
            if *bytes > piece {
                return full(piece, format!("a piece may have {}; this one has {bytes} bytes", limits::bytes(piece)));
            }
            if left.bytes().saturating_add(*bytes) > grant.bytes {
                return full(grant.bytes, format!("the artefacts of a task may have {most} together by this grant"));
            }
        }
        // What is in force may be less than when it was written.
        ArtifactsCall::Finish { .. } => {
            if left.count() > count {
                return full(count, format!("a task may leave {count} artefacts by this grant"));
            }
            if left.bytes() > grant.bytes {
                return full(grant.bytes, format!("the artefacts of a task may have {most} together by this grant"));
            }
        }
    }
    Ok(Permit(()))
}

impl Permit {
    /// What beginning an artefact means: nobody knows of it yet.
    fn begun<'a>(self) -> Deed<'a> {
        Deed::Known(Answer::Artifacts(ArtifactsAnswer::Created))
    }
}

impl Gate {
    /// Gives the gate the place of artefacts, where the host has one.
    #[must_use]
    pub(crate) fn with_artifacts(self, artifacts: Option<Artifacts>) -> Self {
        if let Some(artifacts) = artifacts {
            // A gate is given it once, where it is made.
            let _ = self.0.artifacts.set(artifacts);
        }
        self
    }

    /// What performing a call means that begins an artefact, if it may be begun.
    pub(super) fn artifact_deed<'a>(&self, call: &ArtifactsCall) -> Result<Deed<'a>, Answer> {
        authorize(&self.0.grants.now(), call, &self.left()).map(Permit::begun)
    }

    /// An artefact that was begun, where its bytes go.
    pub(crate) async fn begin_artifact(&self, name: String, media_type: String) -> Outcome<Writing> {
        self.left().0.insert(name.clone(), 0);
        let repeats_alone = self.0.recording.as_ref().is_some_and(|recording| recording.then() == Then::Stop);
        let draft = match self.0.artifacts.get().cloned() {
            _ if repeats_alone => Draft::nowhere(),
            Some(artifacts) => tokio::task::spawn_blocking(move || artifacts.draft()).await.map_err(Error::internal)?,
            None => Draft::lost(),
        };
        Ok(Writing { name, media_type, draft })
    }

    /// Takes a piece of an artefact; returns what the guest is told if it was not taken.
    ///
    /// # Errors
    /// Whatever ends the invocation.
    pub(crate) async fn write_artifact(&self, writing: &mut Writing, bytes: Vec<u8>) -> Outcome<Option<Answer>> {
        let number = self.count()?;
        let made = ArtifactsCall::Write { name: writing.name.clone(), bytes: bytes.len() as u64 };
        let call = Call::Artifacts(made.clone());
        if let Some(recording) = self.0.recording.as_ref().filter(|recording| recording.matched().is_none()) {
            match recording.look(number, &call)? {
                Past::Answered(answer, at) => {
                    self.0.guest_clock.deliver(at);
                    if matches!(answer, Answer::Unavailable(_)) {
                        self.take_piece(writing, bytes).await?;
                        writing.draft.lose();
                    }
                    return Ok(Some(answer));
                }
                Past::Over if recording.then() == Then::GoOn => {}
                _ => {
                    self.take_piece(writing, bytes).await?;
                    return Ok(None);
                }
            }
        }
        self.relieve().await?;
        if let Some(answer) = self.refused_as_cancelled(number, &call) {
            return Ok(Some(answer));
        }
        let allowed = authorize(&self.0.grants.now(), &made, &self.left());
        match (allowed, self.matching()) {
            (Err(refusal), Some(matching)) => Ok(Some(self.answer_matched(matching, number, &call, Err(refusal)))),
            (Err(refusal), None) => Ok(Some(self.answered(number, &call, call.refused(), refusal))),
            (Ok(Permit(())), _) => {
                self.take_piece(writing, bytes).await?;
                Ok(writing.draft.is_lost().then(|| self.answered(number, &call, encode(&call), writing.lost())))
            }
        }
    }

    /// Finishes an artefact.
    ///
    /// # Errors
    /// Whatever ends the invocation.
    pub(crate) async fn finish_artifact(&self, writing: Writing) -> Outcome<Answer> {
        let number = self.count()?;
        let Writing { name, media_type, draft } = &writing;
        let (size, digest) = (draft.size(), draft.digest());
        let made = ArtifactsCall::Finish { name: name.clone(), media_type: media_type.clone(), size, digest };
        let call = Call::Artifacts(made.clone());
        let artifact = name.clone();
        let answer = match self.answered_before(number, &call)? {
            Some(answer) => answer,
            None => self.finish_anew(number, &call, &made, writing).await?,
        };
        if !matches!(answer, Answer::Artifacts(_)) {
            self.left().0.remove(&artifact);
        }
        Ok(answer)
    }

    async fn finish_anew(&self, number: u64, call: &Call, made: &ArtifactsCall, writing: Writing) -> Outcome<Answer> {
        self.relieve().await?;
        if let Some(answer) = self.refused_as_cancelled(number, call) {
            return Ok(answer);
        }
        let allowed = authorize(&self.0.grants.now(), made, &self.left());
        if let Some(matching) = self.matching() {
            let (size, digest) = (writing.draft.size(), writing.draft.digest());
            let known = Answer::Artifacts(ArtifactsAnswer::Finished { size, digest });
            return Ok(self.answer_matched(matching, number, call, allowed.map(|_| Deed::Known(known))));
        }
        match allowed {
            Err(refusal) => Ok(self.answered(number, call, call.refused(), refusal)),
            Ok(Permit(())) if writing.draft.is_lost() => Ok(self.answered(number, call, encode(call), writing.lost())),
            Ok(Permit(())) => {
                let Writing { name, media_type, draft } = writing;
                let new = NewArtifact { name: name.parse()?, media_type: media_type.parse()?, draft };
                self.change(number, call, Change::Artifact(Box::new(new))).await
            }
        }
    }

    /// Forgets an artefact that its guest let go of unfinished.
    pub(crate) fn let_go_of_artifact(&self, writing: &Writing) {
        self.left().0.remove(&writing.name);
    }

    /// Takes a piece in, on a thread that may block.
    async fn take_piece(&self, writing: &mut Writing, bytes: Vec<u8>) -> Outcome<()> {
        if let Some(so_far) = self.left().0.get_mut(&writing.name) {
            *so_far += bytes.len() as u64;
        }
        let mut draft = std::mem::replace(&mut writing.draft, Draft::lost());
        let taken = tokio::task::spawn_blocking(move || {
            draft.write(&bytes);
            draft
        });
        writing.draft = taken.await.map_err(Error::internal)?;
        Ok(())
    }

    fn left(&self) -> std::sync::MutexGuard<'_, Left> {
        self.0.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing {
    /// The name of the artefact.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn lost(&self) -> Answer {
        Answer::Unavailable(format!(
            "the artefact `{}` cannot be written at the moment; the host's log has the cause",
            self.name
        ))
    }
}

#[cfg(test)]
#[path = "artifacts_tests.rs"]
mod tests;
