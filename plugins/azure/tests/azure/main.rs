//! The agent on the test host, against a cloud made of canned answers and against recorded ones.

#[cfg(test)]
mod checkov;
#[cfg(test)]
mod cloud;
#[cfg(test)]
mod cost;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod recordings;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod savings;
#[cfg(test)]
mod template;
