//! The skill `inventory` on the test host, against an account made of canned answers.

#[cfg(test)]
mod account;
#[cfg(test)]
mod aws;
#[cfg(test)]
mod ec2;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod tables_and_functions;
