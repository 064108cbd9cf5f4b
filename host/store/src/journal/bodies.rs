//! Bodies: byte strings that rows of a tenant's journals share.
//!
//! A body is there exactly as long as a row names it. Both change in the same transaction of
//! the one writer, so none is ever taken away from a row that is about to name it.

use troupe_core::{Digest, TenantId};

use super::pack::Body;
use crate::fault::Done;
use crate::rows::{Columns as _, broken};
use crate::sql::{Connection, query};
use crate::writer::Tx;

/// The digest that a column holds.
pub(super) fn digest(bytes: &[u8]) -> Done<Digest> {
    bytes.try_into().map(Digest::from_bytes).map_err(|error: std::array::TryFromSliceError| broken("digest", error))
}

/// Keeps a body, unless the tenant has it; returns how many bytes that takes.
pub(super) async fn keep(tx: &mut Tx, tenant: &TenantId, body: &Body) -> Done<u64> {
    let written = query(
        "insert into journal_bodies (tenant, digest, bytes) values ($1, $2, $3) on conflict (tenant, digest) do nothing",
    )
    .bind(tenant.as_str())
    .bind(body.digest.as_bytes().as_slice())
    .bind(body.bytes.as_slice())
    .execute(&mut tx.connection)
    .await?
    .rows_affected();
    Ok(if written == 0 { 0 } else { body.bytes.len() as u64 })
}

/// Removes bodies that no row names any more; returns how many bytes that frees.
pub(super) async fn release(tx: &mut Tx, tenant: &TenantId, digests: &[Vec<u8>]) -> Done<u64> {
    let mut freed = 0;
    for digest in digests {
        let removed = query(
            "delete from journal_bodies where tenant = $1 and digest = $2
                and not exists (select 1 from journal where tenant = $1 and call_body = $2)
                and not exists (select 1 from journal where tenant = $1 and answer_body = $2)
             returning octet_length(bytes) as freed",
        )
        .bind(tenant.as_str())
        .bind(digest.as_slice())
        .fetch_optional(&mut tx.connection)
        .await?;
        freed += removed.map_or(Ok(0), |row| row.number::<u64>("freed"))?;
    }
    Ok(freed)
}

/// Reads a body's packed contents.
pub(super) async fn read(connection: &mut dyn Connection, tenant: &TenantId, digest: &[u8]) -> Done<Option<Vec<u8>>> {
    let row = query("select bytes from journal_bodies where tenant = $1 and digest = $2")
        .bind(tenant.as_str())
        .bind(digest)
        .fetch_optional(connection)
        .await?;
    row.map(|row| row.get_as("bytes")).transpose()
}
