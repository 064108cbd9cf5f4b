//! `/api/v1/runtime/instances`.

mod start;
mod stop;
mod tasks;

const PATH: &str = "/api/v1/runtime/instances";
