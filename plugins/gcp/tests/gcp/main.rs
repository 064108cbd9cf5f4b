//! The agent's skills on the test host, against projects made of canned answers, and of recorded ones.

#[cfg(test)]
mod assets;
#[cfg(test)]
mod cloud;
#[cfg(test)]
mod compute;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod gke;
#[cfg(test)]
mod granted;
#[cfg(test)]
mod machines;
#[cfg(test)]
mod many;
#[cfg(test)]
mod money;
#[cfg(test)]
mod platform;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod recordings;
