use std::collections::BTreeSet;

use sqlx::Row as _;

use super::{home, is_wanted, raw};
use crate::support::Home;
use crate::support::place::Raw;

#[tokio::test]
async fn both_databases_have_the_same_tables_columns_indexes_and_triggers() {
    if !is_wanted() {
        return;
    }
    let (there, here) = (home().await, Home::on_file().await);
    let Raw::Sqlite(mut sqlite) = here.raw().await else { panic!("a file") };
    let mut postgres = raw(&there).await;
    let columns = sqlx::query(
        "select t.name || '.' || c.name || ' ' || lower(c.type) || case when c.\"notnull\" or c.pk > 0 then ' not null' else '' end
         from sqlite_master t join pragma_table_info(t.name) c where t.type = 'table' and t.name not like 'sqlite%'
            and t.name not like '\\_sqlx%' escape '\\'",
    );
    let columns = columns.fetch_all(&mut sqlite).await.unwrap();
    let in_file: BTreeSet<String> = columns.iter().map(|row| row.get(0)).collect();
    let columns = sqlx::query(
        "select table_name || '.' || column_name || ' '
            || case data_type when 'bigint' then 'integer' when 'bytea' then 'blob' else data_type end
            || case is_nullable when 'NO' then ' not null' else '' end
            || case when data_type = 'text' and collation_name is distinct from 'C' then ' in no order of bytes' else '' end
         from information_schema.columns where table_schema = 'public' and table_name not like '\\_sqlx%'",
    );
    let columns = columns.fetch_all(&mut postgres).await.unwrap();
    let on_server: BTreeSet<String> = columns.iter().map(|row| row.get(0)).collect();
    assert_eq!(in_file.symmetric_difference(&on_server).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(in_file.contains("feed.seq integer not null"), "{in_file:?}");

    let names = "select name from sqlite_master where type in ('index', 'trigger') and name not like 'sqlite%'";
    let names = sqlx::query(names).fetch_all(&mut sqlite).await.unwrap();
    let in_file: BTreeSet<String> = names.iter().map(|row| row.get(0)).collect();
    let names = "select indexname::text from pg_indexes where schemaname = 'public' and indexname not like '%\\_pkey'
         union all select tgname::text from pg_trigger where not tgisinternal";
    let names = sqlx::query(names).fetch_all(&mut postgres).await.unwrap();
    let on_server: BTreeSet<String> = names.iter().map(|row| row.get(0)).collect();
    assert_eq!(in_file.symmetric_difference(&on_server).collect::<Vec<_>>(), Vec::<&String>::new());
}
