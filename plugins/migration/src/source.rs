//! Reading resources one by one, wherever they are told.
//!
//! What is read is one entry of a file, or what one agent answered, at a time, so an estate of a million resources
//! goes through a few megabytes. What an agent could not look at comes along as a problem.

use troupe_cloud::source::{self, Place};
use troupe_estate::{Problem, Resource};
use troupe_sdk::prelude::*;

use crate::input::Origin;

/// The directory that the manifest asks for.
const PLACE: Place = Place { agent: "migration", directory: "inventories", field: "files" };

/// Reads every resource, and gives what could not be looked at.
///
/// # Errors
///
/// [`Failure::InvalidInput`] if nothing is named, a file is not there or holds no resources; what an agent
/// answers in place of its inventory; what `take` refuses.
pub async fn read(
    origin: Origin,
    take: &mut dyn FnMut(Resource) -> Result<(), Failure>,
) -> Result<Vec<Problem>, Failure> {
    if origin.resources.is_empty() && origin.inventories.is_empty() && origin.files.is_empty() {
        let message = "no resources are named: give `resources`, or name `inventories` or `files` that have them";
        return Err(Failure::invalid_input(message));
    }
    origin.resources.into_iter().try_for_each(&mut *take)?;
    let mut problems = source::ask(&origin.inventories, PLACE, take).await?.problems;
    problems.extend(source::read(PLACE, &origin.files, take)?.problems);
    Ok(problems)
}
