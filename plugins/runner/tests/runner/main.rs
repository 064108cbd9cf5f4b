//! The agent as its callers meet it, with agents that answer as the test says.

#[cfg(test)]
mod checks;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod support;
