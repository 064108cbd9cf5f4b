//! What the agent answers about estates, with nothing but what other agents tell.

#[cfg(test)]
mod assess;
#[cfg(test)]
mod confirm;
#[cfg(test)]
mod hcl;
#[cfg(test)]
mod large;
#[cfg(test)]
mod map;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod progress;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod terraform;
#[cfg(test)]
mod validated;
