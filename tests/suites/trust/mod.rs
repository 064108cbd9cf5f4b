//! Signatures: who vouches for a release, whom a tenant trusts, and what a host refuses.

mod bound;
mod command;
mod policy;
mod publish;
mod serving;

use std::sync::Arc;

use serde_json::{Value, json};
use troupe_package::{SigningKey, read_archive, sign_archive, write_signed_archive};
use troupe_tests::{Answer, Client, Guest};

/// A key that is the same in each run.
fn key(number: u16) -> Arc<SigningKey> {
    let mut seed = [0; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    Arc::new(SigningKey::from_pem(&SigningKey::pem_of_seed(&seed)).unwrap())
}

fn id(key: &SigningKey) -> String {
    key.public().id().to_string()
}

/// A guest's archive, signed by these keys.
fn signed(guest: &Guest, version: &str, keys: &[&SigningKey]) -> Vec<u8> {
    keys.iter().fold(guest.archive(version), |archive, key| sign_archive(&archive, key).unwrap())
}

/// The archive `to` with the signatures of the archive `from`.
fn with_signatures_of(to: &[u8], from: &[u8]) -> Vec<u8> {
    let (to, from) = (read_archive(to).unwrap(), read_archive(from).unwrap());
    let mut archive = Vec::new();
    write_signed_archive(&to.release, &from.signatures, &mut archive).unwrap();
    archive
}

/// Changes whom a tenant trusts.
async fn change(client: &Client, change: Value) -> Answer {
    client.send(client.request(reqwest::Method::PATCH, "/api/v1/trust").json(&change)).await
}

/// A key as it is added under a name, for names.
fn added(key: &SigningKey, name: &str, names: &[&str]) -> Value {
    json!({ "name": name, "public_key": key.public().to_pem(), "names": names })
}

/// What publishing and swapping without a signature of the harness's own are refused with.
#[track_caller]
fn refused(answer: &Answer) -> String {
    answer.problem(422, "artifact.signature")["detail"].as_str().unwrap().to_owned()
}
