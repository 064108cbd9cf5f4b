//! A statement of parts.

use std::fmt::Write as _;

use super::{Argument, Query};

/// A statement that is put together from parts, all written in this crate, and parameters.
#[derive(Debug)]
pub(crate) struct Builder {
    sql: String,
    arguments: Vec<Argument>,
}

impl Builder {
    /// Begins a statement.
    pub(crate) fn new(part: &str) -> Self {
        Self { sql: part.to_owned(), arguments: Vec::new() }
    }

    /// Adds a part. It must not come from outside.
    pub(crate) fn push(&mut self, part: &str) -> &mut Self {
        self.sql.push_str(part);
        self
    }

    /// Adds a parameter.
    pub(crate) fn push_bind(&mut self, argument: impl Into<Argument>) -> &mut Self {
        self.arguments.push(argument.into());
        // Writing to a string cannot fail.
        let _ = write!(self.sql, "${}", self.arguments.len());
        self
    }

    /// Adds parameters, separated by commas.
    pub(crate) fn push_list<A: Into<Argument>>(&mut self, arguments: impl IntoIterator<Item = A>) -> &mut Self {
        for (at, argument) in arguments.into_iter().enumerate() {
            if at > 0 {
                self.sql.push_str(", ");
            }
            self.push_bind(argument);
        }
        self
    }

    /// The statement; afterwards the builder is empty.
    pub(crate) fn build(&mut self) -> Query {
        Query::of_parts(std::mem::take(&mut self.sql), std::mem::take(&mut self.arguments))
    }
}
