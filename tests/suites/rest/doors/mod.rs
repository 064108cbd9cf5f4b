//! What holds for every route: who may come in, by which name, with how much.

mod auth;
mod bodies;
mod connections;
mod names;
mod openapi;
mod problems;
