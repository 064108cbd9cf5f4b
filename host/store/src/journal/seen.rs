//! Which rows of an attempt somebody has read, to tell later whether they are still all.

use super::JournalRow;
use super::page::Attempt;
use crate::fault::Done;
use crate::rows::{Columns as _, number};
use crate::sql::{Builder, Connection};

/// How many rows there were, and which of them had no answer. Rows are only ever added, or
/// answered once, while a task may still run; so those with the same numbers are the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RowsSeen {
    count: u64,
    open: Vec<u64>,
}

impl RowsSeen {
    /// Those that there are.
    pub(crate) async fn now(connection: &mut dyn Connection, of: Attempt<'_>) -> Done<Self> {
        let mut open = of_attempt("select number from journal where answer is null and ", of);
        let open = open.build().fetch_all(&mut *connection).await?;
        let open = open.iter().map(|row| row.number("number")).collect::<Done<_>>()?;
        Ok(Self { count: count(connection, of).await?, open })
    }

    /// Adds the next row.
    pub(crate) fn row(&mut self, row: &JournalRow) {
        self.count += 1;
        if row.answer.is_none() {
            self.open.push(row.number);
        }
    }

    /// Whether they are all that there are now, as they are now. It reads none of them.
    pub(crate) async fn is_all(&self, connection: &mut dyn Connection, of: Attempt<'_>) -> Done<bool> {
        if count(connection, of).await? != self.count {
            return Ok(false);
        }
        for open in &self.open {
            let mut query = of_attempt("select number from journal where answer is null and ", of);
            query.push(" and number = ").push_bind(number(*open)?);
            if query.build().fetch_optional(&mut *connection).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

async fn count(connection: &mut dyn Connection, of: Attempt<'_>) -> Done<u64> {
    let mut query = of_attempt("select count(*) as count from journal where ", of);
    query.build().fetch_one(connection).await?.number("count")
}

fn of_attempt(query: &str, (tenant, task, attempt): Attempt<'_>) -> Builder {
    let mut query = Builder::new(query);
    query.push("tenant = ").push_bind(tenant.as_str().to_owned());
    query.push(" and task = ").push_bind(task.to_string());
    query.push(" and attempt = ").push_bind(i64::from(attempt));
    query
}

#[cfg(test)]
mod tests {
    use crate::rows::plan;

    #[tokio::test]
    async fn rows_are_counted_without_being_read() {
        let plan = plan("select count(*) as count from journal where tenant = $1 and task = $2 and attempt = $3").await;
        assert!(plan.iter().any(|step| step.contains("COVERING INDEX")), "{plan:?}");
    }
}
