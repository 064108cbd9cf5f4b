//! The agent as whoever speaks to it meets it, with agents that answer as the test says.

#[cfg(test)]
mod handovers;
#[cfg(test)]
mod support;
#[cfg(test)]
mod words;
