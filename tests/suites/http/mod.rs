//! What agents send to other services, seen through a whole host.

mod budgets;
mod circuit;
mod in_flight;
mod resumed;
