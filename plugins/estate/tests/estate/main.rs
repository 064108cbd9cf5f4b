//! The crate as agents use it: what problems hide, how scans differ, parts, and the bytes of reports.

#[cfg(test)]
mod collect;
#[cfg(test)]
mod csv;
#[cfg(test)]
mod diff;
#[cfg(test)]
mod diff_holds;
#[cfg(test)]
mod html;
#[cfg(test)]
mod ocsf;
#[cfg(test)]
mod problems;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod sarif;
