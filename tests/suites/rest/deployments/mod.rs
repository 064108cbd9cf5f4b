//! `/api/v1/deployments`.

mod configure;
mod grants;
mod swap;
