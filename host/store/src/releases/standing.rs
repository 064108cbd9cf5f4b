//! What is said of a release after it was published: that it should not be used any more, or
//! that nobody swaps to it any more.

use serde_json::json;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::Notice;
use troupe_core::{Code, Error, ReleaseRef, Result, TenantId, Timestamp};

use super::{ReleaseRow, Standing, find, not_found};
use crate::Store;
use crate::fault::Done;
use crate::sql::query;
use crate::writer::Tx;

/// What somebody says of a release, or takes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// It should not be used any more; the message says why.
    Deprecate(String),
    /// It may be used again.
    Undeprecate,
    /// Nobody swaps to it any more, for this reason.
    Yank(Option<String>),
    /// It can be swapped to again.
    Unyank,
}

impl Mark {
    const fn event(&self) -> &'static str {
        match self {
            Self::Deprecate(_) => "release.deprecated",
            Self::Undeprecate => "release.undeprecated",
            Self::Yank(_) => "release.yanked",
            Self::Unyank => "release.unyanked",
        }
    }

    const fn kind(&self) -> AuditKind {
        match self {
            Self::Deprecate(_) => AuditKind::Deprecated,
            Self::Undeprecate => AuditKind::Undeprecated,
            Self::Yank(_) => AuditKind::Yanked,
            Self::Unyank => AuditKind::Unyanked,
        }
    }

    /// The words that go with it.
    fn message(&self) -> Option<&str> {
        match self {
            Self::Deprecate(message) => Some(message),
            Self::Yank(reason) => reason.as_deref(),
            Self::Undeprecate | Self::Unyank => None,
        }
    }

    /// What is said of the release once this is said, too.
    fn on(&self, standing: &Standing, now: Timestamp) -> Standing {
        let Standing { deprecated, yanked } = standing.clone();
        // What was said before in the same words was said then.
        let notice = |before: Option<Notice>| {
            let message = self.message().map(str::to_owned);
            before.filter(|before| before.message == message).or(Some(Notice { message, at: now }))
        };
        match self {
            Self::Deprecate(_) => Standing { deprecated: notice(deprecated), yanked },
            Self::Undeprecate => Standing { deprecated: None, yanked },
            Self::Yank(_) => Standing { deprecated, yanked: notice(yanked) },
            Self::Unyank => Standing { deprecated, yanked: None },
        }
    }
}

impl Store {
    /// Says something of a release, as `by` asked, or takes it back; where that is nothing new,
    /// nothing is written. Tells the feed `release.deprecated`, `.undeprecated`, `.yanked` or
    /// `.unyanked`, and the audit.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`].
    pub async fn mark_release(
        &self,
        tenant: &TenantId,
        release: &ReleaseRef,
        mark: Mark,
        by: &str,
    ) -> Result<ReleaseRow> {
        let (tenant, release, by) = (tenant.clone(), release.clone(), by.to_owned());
        self.write(move |tx| Box::pin(say(tx, tenant, release, mark, by))).await
    }
}

/// Checks that whoever may can begin to use a release.
pub(super) fn check_offered(release: &ReleaseRef, standing: &Standing) -> Result<()> {
    let Some(yanked) = &standing.yanked else { return Ok(()) };
    let why = yanked.message.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    let message = format!(
        "{release} was yanked{why}, so nothing begins to use it; choose another release, or take that back with \
         `troupe releases unyank {release}`"
    );
    Err(Error::new(Code::ReleaseYanked, message).with("release", release.to_string()))
}

async fn say(tx: &mut Tx, tenant: TenantId, release: ReleaseRef, mark: Mark, by: String) -> Done<ReleaseRow> {
    let before = find(&mut tx.connection, &tenant, &release).await?.ok_or_else(|| not_found(&release))?;
    let standing = mark.on(&before.standing, tx.now);
    if standing == before.standing {
        return Ok(before);
    }
    let at = |notice: &Option<Notice>| notice.as_ref().map(|notice| notice.at.as_millis());
    let words = |notice: &Option<Notice>| notice.as_ref().and_then(|notice| notice.message.clone());
    query(
        "update releases set deprecated_at = $4, deprecation = $5, yanked_at = $6, yank_reason = $7
         where tenant = $1 and agent = $2 and version = $3",
    )
    .bind(tenant.as_str())
    .bind(release.agent.as_str())
    .bind(release.version.to_string())
    .bind(at(&standing.deprecated))
    .bind(words(&standing.deprecated))
    .bind(at(&standing.yanked))
    .bind(words(&standing.yanked))
    .execute(&mut tx.connection)
    .await?;
    let data = json!({
        "agent": release.agent.as_str(), "version": release.version.to_string(),
        "digest": before.digest.to_string(), "message": mark.message(),
    });
    tx.announce(&tenant, mark.event(), &format!("release/{release}"), &data);
    let entry = AuditEntry::new(mark.kind()).by(Some(&by)).of(&release.agent).on(&release.version, before.digest);
    let entry = mark.message().into_iter().fold(entry, |entry, message| entry.with("message", message));
    tx.audit(&tenant, entry).await?;
    Ok(ReleaseRow { standing, ..before })
}
