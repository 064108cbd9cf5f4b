//! Compute Engine: machines, disks, networks and load balancing.
//!
//! Most of it is listed over all zones and regions at once. A zone that cannot be reached is a row then, and the
//! rest of the list is told (`returnPartialSuccess`).

/// The address of a list, over all places or `global`.
macro_rules! url {
    ($things:literal) => {
        concat!(
            "https://compute.googleapis.com/compute/v1/projects/{project}/aggregated/",
            $things,
            "?maxResults=500&returnPartialSuccess=true"
        )
    };
    (global $things:literal) => {
        concat!(
            "https://compute.googleapis.com/compute/v1/projects/{project}/global/",
            $things,
            "?maxResults=500&returnPartialSuccess=true"
        )
    };
}

mod balancing;
mod disks;
mod instances;
mod networks;
mod security;

pub use instances::{INSTANCE, OF_PROJECT, is_on};

use crate::listing::{Listing, Source};

/// What is listed, part by part.
pub const LISTINGS: [&[Listing]; 5] =
    [&instances::LISTINGS, &disks::LISTINGS, &networks::LISTINGS, &security::LISTINGS, &balancing::LISTINGS];

const fn aggregated(operation: &'static str, address: &'static str, name: &'static str) -> Listing {
    Listing::of(operation, Source::Aggregated(address, name))
}

const fn global(operation: &'static str, address: &'static str) -> Listing {
    Listing::new(operation, address, "/items")
}
