//! What agents send to other services, seen through a whole host.

mod in_flight;
mod resumed;
