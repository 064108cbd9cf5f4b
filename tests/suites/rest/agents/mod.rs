//! `/api/v1/agents`.

mod publish;
mod read;
