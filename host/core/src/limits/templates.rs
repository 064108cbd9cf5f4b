//! Templates of agents.

/// Templates of a tenant, each version of one counted.
pub const TEMPLATES_MAX: u64 = 1_000;
/// Largest template, in bytes of its JSON. An agent's manifest is made of it.
pub const TEMPLATE_BYTES_MAX: usize = 64 * 1024;
/// Longest YAML, in bytes: what it says is a quarter of that as JSON, with room for indentation and comments.
pub const YAML_BYTES_MAX: usize = 4 * TEMPLATE_BYTES_MAX;
/// Parameters of a template: more than somebody fills in.
pub const TEMPLATE_PARAMETERS_MAX: usize = 64;
/// What is put in for all parameters, in bytes of its JSON.
pub const TEMPLATE_VALUES_BYTES_MAX: usize = 16 * 1024;
