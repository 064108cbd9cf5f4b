//! The agent, natively: its rules by the examples beside them, its readers by documents, its skills as the host asks.

mod changes;
mod documents;
mod paths;
mod readers;
mod rules;
mod skills;
