//! `/api/v1/deployments`.

mod configure;
mod grant_lines;
mod grants;
mod live_grants;
mod swap;
mod undeploy;
