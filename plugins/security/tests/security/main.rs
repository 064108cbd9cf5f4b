//! The agent, natively: its rules by the examples beside them, its readers by documents, its skills as the host asks.

#[cfg(test)]
mod changes;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod frameworks;
#[cfg(test)]
mod gathered;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod missing;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod paths_of_inventories;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod skills;
