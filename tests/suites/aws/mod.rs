//! The AWS agent against an endpoint that speaks AWS's protocols and checks signatures and
//! policies as AWS does: moto, a third party's.
//!
//! moto is found on the path. Where it is not, the suite is left out and says so; with
//! `TROUPE_REQUIRE_SUITES` set that is a failure.

mod inventory;
mod moto;
