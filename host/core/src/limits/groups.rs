//! What bounds a task group.

/// Groups of one tenant that have not ended. Each is a row and what it has made; those that nothing
/// happens to cost nothing, and if all of them go on at once a look at each takes seconds.
pub const GROUPS_MAX: u64 = 1_000;

/// Steps of a group: more than a person draws on one sheet.
pub const GROUP_STEPS_MAX: usize = 64;

/// How deep groups stand in groups, the outermost counted: a chart of charts of charts.
pub const GROUP_DEPTH_MAX: usize = 4;

/// Steps of a group and of all groups within it.
pub const GROUP_STEPS_IN_ALL_MAX: usize = 256;

/// Tasks that one step makes of an array. The first of them are made in one commit, and all of them
/// are looked at whenever one ends.
pub const GROUP_ITEMS_MAX: usize = 256;

/// Tasks of the steps of a group in all: as many as a tenant has in a while without anybody noticing,
/// and as one answer can list.
pub const GROUP_TASKS_MAX: usize = 2_000;

/// The document of a group, as JSON: as much as the input of one task.
pub const GROUP_BYTES_MAX: usize = 1024 * 1024;

/// What the outputs may have together that the input of one step is made of: they are in memory at
/// once, and as much as the longest output of one task.
pub const GROUP_WIRED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Groups that are read at once when something has happened to them.
pub const GROUPS_AT_ONCE: u32 = 64;

/// Tasks of a group whose progress one stream tells: as many lines as a terminal shows.
pub const GROUP_REPORTING_MAX: usize = 64;
