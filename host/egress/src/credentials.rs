//! Credentials that an operator's machine already holds.

pub mod aws;
mod profile;
