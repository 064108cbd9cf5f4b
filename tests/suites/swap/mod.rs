//! Swapping a release while its agent is at work.

mod pinned;
mod under_load;
