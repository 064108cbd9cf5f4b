//! Statements of many rows.
//!
//! A statement costs its way to the database and back, and what it does to one row more is little beside that. So
//! rows that are written or looked for together go in few statements, each of one of a few lengths, whose compiled
//! forms are kept.

use std::fmt::Write as _;

use super::{Argument, Connection, Query, Row, Side};

/// How many rows one statement has, the most first.
const ROWS_AT_ONCE: [usize; 4] = [64, 16, 4, 1];

/// Writes rows: `before values (…), (…) after`. Returns how many were added or changed.
pub(crate) async fn insert<const N: usize>(
    connection: &mut dyn Connection,
    before: &str,
    rows: Vec<[Argument; N]>,
    after: &str,
) -> Result<u64, sqlx::Error> {
    let (mut rows, mut written) = (rows.into_iter(), 0);
    while let Some(statement) = next(connection, before, &mut rows, after) {
        written += statement.execute(connection).await?.rows_affected();
    }
    Ok(written)
}

/// Reads what there is for each of `asked`, which the statement knows as `asked.column1` and so on:
/// `before (values (…), (…)) as asked`.
pub(crate) async fn look_up<const N: usize>(
    connection: &mut dyn Connection,
    before: &str,
    asked: Vec<[Argument; N]>,
) -> Result<Vec<Row>, sqlx::Error> {
    let (before, mut found) = (format!("{before} ("), Vec::with_capacity(asked.len()));
    let mut asked = asked.into_iter();
    while let Some(statement) = next(connection, &before, &mut asked, ") as asked") {
        found.extend(statement.fetch_all(connection).await?);
    }
    Ok(found)
}

/// The next statement, with as many rows as it takes; none when there are none left.
fn next<const N: usize>(
    connection: &mut dyn Connection,
    before: &str,
    rows: &mut std::vec::IntoIter<[Argument; N]>,
    after: &str,
) -> Option<Query> {
    let count = ROWS_AT_ONCE.into_iter().find(|count| *count <= rows.len())?;
    // SQLite looks through all names of parameters for each of them, so many are better without.
    let is_named = matches!(connection.side(), Side::Postgres(_));
    let mut sql = format!("{before}values ");
    let mut arguments = Vec::with_capacity(count * N);
    for (at, row) in rows.by_ref().take(count).enumerate() {
        sql.push_str(if at > 0 { ", (" } else { "(" });
        for (column, argument) in row.into_iter().enumerate() {
            sql.push_str(if column > 0 { ", " } else { "" });
            arguments.push(argument);
            if is_named {
                // Writing to a string cannot fail.
                let _ = write!(sql, "${}", arguments.len());
            } else {
                sql.push('?');
            }
        }
        sql.push(')');
    }
    sql.push_str(after);
    Some(Query::of_parts(sql, arguments))
}
