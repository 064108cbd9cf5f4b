//! The skills on the test host, against an account made of canned answers.

#[cfg(test)]
mod account;
#[cfg(test)]
mod aws;
#[cfg(test)]
mod balancers;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod containers;
#[cfg(test)]
mod cost;
#[cfg(test)]
mod databases;
#[cfg(test)]
mod ec2;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod keys_and_messages;
#[cfg(test)]
mod large;
#[cfg(test)]
mod migration_source;
#[cfg(test)]
mod networks;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod regions;
#[cfg(test)]
mod savings;
#[cfg(test)]
mod sites;
#[cfg(test)]
mod stores;
#[cfg(test)]
mod tables_and_functions;
#[cfg(test)]
mod trails;
#[cfg(test)]
mod watch;
#[cfg(test)]
mod watching;
