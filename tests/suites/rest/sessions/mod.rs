//! `/api/v1/sessions`.

mod life;
mod talk;
mod turns;
mod whose;
