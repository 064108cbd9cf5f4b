//! Which tables there are, of which columns, as the database itself tells.

use crate::fault::Done;
use crate::rows::{Columns as _, broken};
use crate::sql::{Builder, Connection, Side, query};

/// Tables that others refer to, so that they are filled first.
const FIRST: [&str; 4] = ["tenants", "releases", "tasks", "journal_heads"];

/// What the database itself keeps in step with other tables, by triggers.
const DERIVED: [&str; 1] = ["state_totals"];

/// What is said of processes that run and of this one database, and of nothing that is kept.
const FLEETING: [&str; 3] = ["hosts", "host_routes", "database_name"];

/// What the migrations are recorded in.
const MIGRATIONS: &str = "_sqlx_migrations";

const OF_SQLITE: &str =
    "select tables.name as name, columns.name as \"column\", columns.type as kind, columns.pk as key
    from sqlite_master as tables, pragma_table_info(tables.name) as columns
    where tables.type = 'table' and tables.name not like 'sqlite\\_%' escape '\\'";

const OF_POSTGRES: &str =
    "select cast(columns.table_name as text) as name, cast(columns.column_name as text) as \"column\",
        cast(columns.data_type as text) as kind, cast(coalesce(keys.ordinal_position, 0) as bigint) as key
    from information_schema.columns as columns
    left join information_schema.table_constraints as constraints
        on constraints.table_schema = columns.table_schema and constraints.table_name = columns.table_name
            and constraints.constraint_type = 'PRIMARY KEY'
    left join information_schema.key_column_usage as keys
        on keys.constraint_schema = constraints.constraint_schema
            and keys.constraint_name = constraints.constraint_name
            and keys.table_name = columns.table_name and keys.column_name = columns.column_name
    where columns.table_schema = current_schema()";

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// Its name.
    pub(super) name: String,
    /// Its columns, in the order of their names.
    pub(super) columns: Vec<Column>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// Its name.
    pub(super) name: String,
    /// What it holds.
    pub(super) kind: Kind,
    /// Its place in the primary key, from 1; 0 outside of it.
    key: i64,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Numbers.
    Integer,
    /// Texts.
    Text,
    /// Bytes.
    Bytes,
}

impl Table {
    /// The line that names the columns.
    pub(super) fn head(&self) -> Vec<u8> {
        let names: Vec<_> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let mut line = serde_json::Value::from(names).to_string().into_bytes();
        line.push(b'\n');
        line
    }

    /// The statement that reads all its rows, in the order of its key.
    pub(super) fn select(&self) -> Builder {
        let mut query = Builder::new("select ");
        push_names(&mut query, self.columns.iter());
        query.push(" from ").push(&quoted(&self.name)).push(" order by ");
        let mut key: Vec<_> = self.columns.iter().filter(|column| column.key > 0).collect();
        key.sort_by_key(|column| column.key);
        if key.is_empty() {
            push_names(&mut query, self.columns.iter());
        } else {
            push_names(&mut query, key.into_iter());
        }
        query
    }

    /// The beginning of the statement that adds rows.
    pub(super) fn insert(&self) -> Builder {
        let mut query = Builder::new("insert into ");
        query.push(&quoted(&self.name)).push(" (");
        push_names(&mut query, self.columns.iter());
        query.push(") ");
        query
    }
}

fn push_names<'a>(query: &mut Builder, columns: impl Iterator<Item = &'a Column>) {
    for (at, column) in columns.enumerate() {
        query.push(if at > 0 { ", " } else { "" }).push(&quoted(&column.name));
    }
}

/// A name as a statement has it. Names come from the database's own description of itself.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The tables whose rows make up a database, in the order in which they can be filled.
pub(super) async fn tables(connection: &mut dyn Connection) -> Done<Vec<Table>> {
    let statement = match connection.side() {
        Side::Sqlite(_) => OF_SQLITE,
        Side::Postgres(_) => OF_POSTGRES,
    };
    let mut tables: Vec<Table> = Vec::new();
    for row in query(statement).persistent(false).fetch_all(connection).await? {
        let name: String = row.get_as("name")?;
        if name == MIGRATIONS || DERIVED.contains(&name.as_str()) || FLEETING.contains(&name.as_str()) {
            continue;
        }
        let kind = kind(row.get_as("kind")?)?;
        let column = Column { name: row.get_as("column")?, kind, key: row.get_as("key")? };
        match tables.iter_mut().find(|table| table.name == name) {
            Some(table) => table.columns.push(column),
            None => tables.push(Table { name, columns: vec![column] }),
        }
    }
    for table in &mut tables {
        table.columns.sort_by(|one, other| one.name.cmp(&other.name));
    }
    let place = |name: &str| FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len());
    tables.sort_by(|one, other| (place(&one.name), &one.name).cmp(&(place(&other.name), &other.name)));
    Ok(tables)
}

/// What a column of a declared type holds.
fn kind(declared: &str) -> Done<Kind> {
    match declared.to_ascii_lowercase().as_str() {
        "integer" | "bigint" => Ok(Kind::Integer),
        "text" => Ok(Kind::Text),
        "blob" | "bytea" => Ok(Kind::Bytes),
        other => Err(broken("kind", format!("a column is of type {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use troupe_core::SystemClock;

    use super::*;

    #[tokio::test]
    async fn whatever_a_table_refers_to_is_filled_before_it_and_what_triggers_keep_is_derived() {
        let dir = tempfile::tempdir().unwrap();
        let store = crate::Store::open(&dir.path().join("test.db"), Arc::new(SystemClock)).await.unwrap();
        let mut reader = store.reader().await.unwrap();
        let names: Vec<_> = tables(&mut reader).await.unwrap().into_iter().map(|table| table.name).collect();
        assert!(names.len() > 20, "{names:?}");
        for (at, name) in names.iter().enumerate() {
            let mut keys = Builder::new(&format!("select \"table\" as parent from pragma_foreign_key_list('{name}')"));
            for row in keys.build().fetch_all(&mut reader).await.unwrap() {
                let parent: &str = row.get_as("parent").unwrap();
                assert!(names.iter().take(at).any(|earlier| earlier == parent), "{name} refers to {parent}");
            }
        }
        let triggers =
            query("select sql from sqlite_master where type = 'trigger'").fetch_all(&mut reader).await.unwrap();
        for trigger in triggers {
            let sql: &str = trigger.get_as("sql").unwrap();
            assert!(DERIVED.iter().any(|derived| sql.contains(derived)), "{sql}");
        }
    }
}
