//! Gathering a million resources or findings within a budget of memory.
//!
//! A [`Sink`] takes entries in whatever order they come and keeps them as lines of JSON. When they fill
//! half its budget it sorts them by their keys and hands them on as a *part*, to a writer that the caller
//! gives it; the other half is for the part's text while it is written. [`Sink::finish`] tells what is in
//! each part. Parts are sorted in themselves alone: [`merge`] walks any number of them as one sorted list,
//! with one entry of each in memory, which is what [`crate::diff`] wants.
//!
//! ```
//! use troupe_estate::collect::{Part, Sink, lines, merge};
//! use troupe_estate::Resource;
//!
//! let mut files: Vec<(String, Vec<u8>)> = Vec::new();
//! let write = |part: &Part, text: &[u8]| {
//!     files.push((part.name.clone(), text.to_vec()));
//!     Ok::<(), std::io::Error>(())
//! };
//! let mut sink = Sink::new("resources", 64 * 1024, write);
//! for number in 0..1000 {
//!     sink.push(&Resource::new("aws.ec2.volume", "us-east-1", format!("vol-{}", number * 7 % 1000)))?;
//! }
//! let summary = sink.finish()?;
//! assert_eq!((summary.entries, summary.counts["aws.ec2.volume"]), (1000, 1000));
//! assert_eq!(summary.parts.len(), files.len());
//!
//! let parts = files.iter().map(|(_, text)| lines::<Resource, _>(text.as_slice()));
//! let ids: Vec<String> = merge(parts).map(|resource| resource.map(|r| r.id)).collect::<Result<_, _>>()?;
//! assert_eq!((ids.len(), ids.is_sorted()), (1000, true));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod merge;
mod read;
mod sink;

pub use merge::{Merge, merge};
pub use read::{LINE_BYTES_MAX, ReadError, lines};
pub use sink::{CollectError, Part, Parts, Sink, Summary};
