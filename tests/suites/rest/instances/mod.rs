//! `/api/v1/runtime/instances`.

pub(crate) mod life;
mod pause;
mod start;
mod stop;
mod tasks;

const PATH: &str = "/api/v1/runtime/instances";
