//! Operating Google Kubernetes Engine: whether clusters can be upgraded, and whether node pools are of the right size.

mod clusters;
pub mod rightsizing;
pub mod upgrade;
mod version;
