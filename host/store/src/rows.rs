//! Between columns and the house's vocabulary.
//!
//! Reading is by column name. What a column holds was written by this crate, so a value
//! that does not read back is a fault of the host, never of the caller.

use std::error::Error as StdError;
use std::str::FromStr;

use serde_json::Value;
use troupe_core::view::Redaction;
use troupe_core::{Code, Digest, Error, Timestamp};

use crate::fault::{Done, Failed};
use crate::sql::{At, Field, Row};

/// A text above every id: those are hexadecimal digits and hyphens.
pub(crate) const ABOVE_ALL_IDS: &str = "g";

/// The number as the database holds it.
///
/// # Errors
/// A fault of the host, when it is above the largest signed 64-bit number.
pub(crate) fn number(value: u64) -> Done<i64> {
    i64::try_from(value).map_err(|_| broken("number", format!("{value} is too large to be kept")))
}

/// Checks that a tenant that has `there` of something may have one more.
///
/// # Errors
/// `code`, which says how many there are and what to do.
pub(crate) fn room_for(what: &str, there: i64, most: u64, code: Code) -> Done<()> {
    if u64::try_from(there).unwrap_or(u64::MAX) < most {
        return Ok(());
    }
    let message = format!("the tenant has {there} {what}, as many as it may have; remove one first");
    Err(Error::new(code, message).into())
}

/// The JSON text of a document that is known to have one.
pub(crate) fn json(value: &impl ToJson) -> Done<String> {
    value.to_json().map_err(|error| broken("json", error))
}

/// The fingerprint of a request. The order of an object's fields does not count.
pub(crate) fn fingerprint(mut request: Value) -> String {
    request.sort_all_objects();
    Digest::of(request.to_string().as_bytes()).to_string()
}

/// What can be written as JSON text; keeps serde's bound out of the callers.
pub(crate) trait ToJson {
    fn to_json(&self) -> serde_json::Result<String>;
}

macro_rules! to_json {
    ($($name:ty),*) => {
        $(impl ToJson for $name {
            fn to_json(&self) -> serde_json::Result<String> {
                serde_json::to_string(self)
            }
        })*
    };
}

to_json!(
    troupe_core::approval::ApprovalPolicy,
    troupe_core::view::TaskApproval,
    troupe_core::view::TaskBudget,
    troupe_core::view::GroupProgress,
    troupe_core::view::Member,
    troupe_core::view::NewGroup,
    serde_json::Map<String, serde_json::Value>,
    troupe_core::view::NewMessage,
    troupe_core::view::NewSchedule,
    troupe_core::view::NewSubscription,
    troupe_core::view::WebhookTry,
    troupe_core::HookRecord,
    troupe_core::WebhookRecord,
    troupe_core::view::Reading,
    troupe_core::view::Reply,
    troupe_core::view::Retry,
    troupe_core::view::TaskFailure,
    troupe_core::view::Template,
    troupe_core::view::SwapState,
    troupe_core::view::SwapPolicy
);

/// A row did not read back.
pub(crate) fn broken(column: &str, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Failed {
    Failed::Refused(Error::internal(format!("{column}: {}", cause.into())))
}

/// Reads columns of a row by name.
pub(crate) trait Columns {
    /// The column as the driver reads it.
    fn get_as<'r, T: Field<'r>>(&'r self, column: &str) -> Done<T>;

    /// A text column, parsed.
    fn parsed<T: FromStr<Err: StdError + Send + Sync + 'static>>(&self, column: &str) -> Done<T> {
        self.get_as::<&str>(column)?.parse().map_err(|error: T::Err| broken(column, error))
    }

    /// A text column that may be null, parsed.
    fn parsed_option<T: FromStr<Err: StdError + Send + Sync + 'static>>(&self, column: &str) -> Done<Option<T>> {
        let text = self.get_as::<Option<&str>>(column)?;
        text.map(|text| text.parse().map_err(|error: T::Err| broken(column, error))).transpose()
    }

    /// A number that is never negative.
    fn number<T: TryFrom<i64, Error: StdError + Send + Sync + 'static>>(&self, column: &str) -> Done<T> {
        T::try_from(self.get_as::<i64>(column)?).map_err(|error| broken(column, error))
    }

    /// An instant.
    fn at(&self, column: &str) -> Done<Timestamp> {
        Ok(Timestamp::from_millis(self.get_as(column)?))
    }

    /// An instant that may be null.
    fn at_option(&self, column: &str) -> Done<Option<Timestamp>> {
        Ok(self.get_as::<Option<i64>>(column)?.map(Timestamp::from_millis))
    }

    /// That contents of the row were forgotten, if they were.
    fn redaction(&self) -> Done<Option<Redaction>> {
        let Some(at) = self.at_option("redacted_at")? else { return Ok(None) };
        Ok(Some(Redaction { at, by: self.get_as("redacted_by")? }))
    }

    /// 0 or 1.
    fn truth(&self, column: &str) -> Done<bool> {
        Ok(self.get_as::<i64>(column)? != 0)
    }
}

impl Columns for Row {
    fn get_as<'r, T: Field<'r>>(&'r self, column: &str) -> Done<T> {
        Ok(T::read(self, At::Name(column))?)
    }
}

/// How a statement is carried out on a database of this host's schema, step by step.
#[cfg(test)]
pub(crate) async fn plan(statement: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.db");
    let store = crate::Store::open(&path, std::sync::Arc::new(troupe_core::SystemClock)).await.unwrap();
    let mut reader = store.reader().await.unwrap();
    let mut explain = crate::sql::Builder::new(&format!("explain query plan {statement}"));
    let steps = explain.build().fetch_all(&mut reader).await.unwrap();
    steps.iter().map(|step| step.get_as("detail").unwrap()).collect()
}
