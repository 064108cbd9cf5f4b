//! Asking a scripted cloud.

#[cfg(test)]
mod client;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod found;
#[cfg(test)]
mod pages;
