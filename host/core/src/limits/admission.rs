//! What bounds the processes that look inside components first.

use std::time::Duration;

/// Components that are compiled at once in one host: a compile uses every core it finds, and may
/// take all of [`ADMISSION_MEMORY_BYTES_MAX`].
pub const ADMISSION_CHILDREN_MAX: usize = 2;
/// How much lower than the host's the priority of a compile is (setpriority(2)): where every core
/// is busy it has about a tenth of what a call has, so that calls hardly wait for it. At the very
/// lowest it would have a sixtieth, and come to no end on a host that stays busy.
pub const ADMISSION_NICE: i32 = 10;
/// Processor time that one compile gets, its threads together.
pub const ADMISSION_COMPUTE_MAX: Duration = Duration::from_secs(240);
/// How long one compile may take, which is more than it computes where the host is busy.
pub const ADMISSION_TIME_MAX: Duration = Duration::from_secs(600);
/// Memory that one compile may write, beyond the address space that the engine reserves.
pub const ADMISSION_MEMORY_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
