//! The store on real files, and on a real server of PostgreSQL where there is one, through its public face.

// `cfg(test)` tells the lints that helpers may fail loudly too.
#[cfg(test)]
mod approvals;
#[cfg(test)]
mod artifacts;
#[cfg(test)]
mod asked_approvals;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod channels;
#[cfg(test)]
mod children;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod deployments;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod events;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod feed;
#[cfg(test)]
mod followed;
#[cfg(test)]
mod gathering;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod instances;
#[cfg(test)]
mod invocations;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod journals;
#[cfg(test)]
mod life;
#[cfg(test)]
mod locks;
#[cfg(test)]
mod on_postgres;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod past;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod releases;
#[cfg(test)]
mod retry;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod server;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod state;
#[cfg(test)]
mod support;
#[cfg(test)]
mod suspend;
#[cfg(test)]
mod swaps;
#[cfg(test)]
mod task_approvals;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod together;
#[cfg(test)]
mod totals;
#[cfg(test)]
mod trust;
