//! What bounds sessions and their messages.

use std::time::Duration;

/// Sessions of one tenant that are not ended. Each is a row and its messages; one for each person of
/// a company at work fits, and a program that makes a session for each request is told early.
pub const SESSIONS_MAX: u64 = 10_000;
/// How long a session may be unused, when nobody says: until the next working day.
pub const SESSION_IDLE_DEFAULT: Duration = Duration::from_secs(24 * 3_600);
/// Shortest time that a session may be unused: less ends it while a person reads.
pub const SESSION_IDLE_MIN: Duration = Duration::from_secs(60);
/// Longest life of a session, however much it is used, and what it lives when nobody says: a month,
/// like a task.
pub const SESSION_LIFETIME_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Instances in one session that are not stopped: a team of agents, not a crowd.
pub const SESSION_INSTANCES_MAX: u64 = 32;

/// Most that is known of a session's user, in bytes of JSON text: a profile, not a document.
pub const SESSION_USER_BYTES_MAX: usize = 16 * 1024;
/// Largest context of a session, in bytes of JSON text. It is read with each message.
pub const SESSION_CONTEXT_BYTES_MAX: usize = 64 * 1024;
/// Longest export of a session, in bytes of what its messages hold: it is made in memory.
pub const SESSION_EXPORT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Messages of one session. At one a minute a working day has five hundred.
pub const MESSAGES_MAX: u64 = 2_000;
/// Messages of one session that wait until the one before is answered.
pub const MESSAGES_WAITING_MAX: u64 = 32;
/// Longest text of a message, in bytes: some pages. What is longer is an input.
pub const MESSAGE_TEXT_BYTES_MAX: usize = 16 * 1024;
/// Largest input that a message may bring beside its words, in bytes of JSON text.
pub const MESSAGE_INPUT_BYTES_MAX: usize = 64 * 1024;
/// Largest output that is shown among the messages of a session, in bytes of JSON text.
pub const MESSAGE_OUTPUT_BYTES_MAX: u64 = 64 * 1024;
/// Messages before one that an agent's own conversation is told of: what is still in mind.
pub const HISTORY_MESSAGES_MAX: u32 = 20;
/// Most that it is told of them, in bytes of JSON text, the newest first.
pub const HISTORY_BYTES_MAX: usize = 64 * 1024;
/// Longest text of an agent's answer in its own words, in bytes: some pages. What is longer is an output.
pub const ANSWER_TEXT_BYTES_MAX: usize = 16 * 1024;
/// Questions, and suggestions, in one answer.
pub const ANSWER_ITEMS_MAX: usize = 10;
/// How long an agent may take to say what could be said next: somebody waits for the page.
pub const SUGGEST_TIME_MAX: Duration = Duration::from_secs(3);
/// Different words of a message that are held against what an agent can do: a long paragraph.
pub const MESSAGE_WORDS_MAX: usize = 200;
/// Skills that an answer names where none is clearly meant.
pub const CANDIDATES_MAX: usize = 5;
/// Suggestions at once: more are not read.
pub const SUGGESTIONS_MAX: usize = 10;

/// Sessions and messages that are taken up at once when it is their time.
pub const SESSIONS_AT_ONCE: u32 = 64;
