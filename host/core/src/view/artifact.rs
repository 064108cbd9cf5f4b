//! Artefacts as clients see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::artifact::{ArtifactName, MediaType};
use crate::{Digest, Timestamp};

/// What a task leaves beside its output: whole, and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactView {
    /// Its name, of which the task has one.
    #[schema(value_type = String)]
    pub name: ArtifactName,
    /// Its media type, as the agent says.
    #[schema(value_type = String)]
    pub media_type: MediaType,
    /// How many bytes it has.
    pub size: u64,
    /// The digest of its bytes.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// When it was finished.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// The artefacts of a task, in the order in which they were finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactsView {
    /// Each of them.
    pub artifacts: Vec<ArtifactView>,
}
