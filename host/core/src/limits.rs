//! Every limit of the host, each with its unit in its name and its reason beside it.
//!
//! A manifest may ask for less than a maximum here, never for more. Each constant stands once in
//! the three lists below, with what somebody who meets it is told; a test fails for one that does
//! not, and for a code of a limit that no row has.
//!
//! # Refused with a code
//!
//! `invalid` and `unavailable` are not codes but what a call of the contract answers its agent. A
//! default stands where the limit does that it is a default of.
//!
//! | what is bounded | constants | code |
//! |---|---|---|
//! | a request to a door: bytes, depth, time | `REQUEST_BYTES_MAX`, `REQUEST_HEAD_BYTES_MAX`, `REQUEST_BODY_TIME_MAX`, `JSON_DEPTH_MAX`, `INPUT_BYTES_MAX`, `SESSION_USER_BYTES_MAX`, `SESSION_CONTEXT_BYTES_MAX`, `SESSION_EXPORT_BYTES_MAX`, `MESSAGE_TEXT_BYTES_MAX`, `MESSAGE_INPUT_BYTES_MAX`, `EVENT_BYTES_MAX`, `EVENT_BATCH_MAX`, `EVENT_DELIVERIES_AT_ONCE`, `YAML_BYTES_MAX`, `APPROVAL_FORM_BYTES_MAX` | `limit.request` |
//! | a request to a door: a text, a number or a list in it | `AFFINITY_BYTES_MAX`, `APPROVAL_REASON_CHARS_MAX`, `CHANNEL_DOCUMENT_TIME_DEFAULT`, `CHANNEL_DOCUMENT_TIME_MAX`, `FEED_PATTERNS_MAX`, `HOOK_HEADER_CHARS_MAX`, `FEED_PATTERN_BYTES_MAX`, `SOCKET_ID_CHARS_MAX`, `IDEMPOTENCY_KEY_BYTES_MAX`, `KEY_SCRYPT_BYTES_MAX`, `KEY_SCRYPT_PARALLEL_MAX`, `KEY_TIME_MAX`, `REHEARSAL_LAST_DEFAULT`, `REHEARSAL_LAST_MAX`, `REHEARSAL_TIME_MAX`, `RELEASE_NOTICE_CHARS_MAX`, `SEARCH_CHARS_MAX`, `SEARCH_WORDS_MAX`, `SESSION_IDLE_DEFAULT`, `SESSION_IDLE_MIN`, `SESSION_LIFETIME_MAX`, `EVENT_TRIES_DEFAULT`, `EVENT_TRIES_MAX`, `SUBSCRIPTION_PARALLEL_DEFAULT`, `EVENTS_PARALLEL_MAX`, `SWAP_DRAIN_TIME_MAX`, `SWAP_KEEP_TIME_MAX`, `SWAP_STEPS_MAX`, `SWAP_WATCH_TIME_MAX`, `TASK_DELAY_MAX`, `TASK_TRIES_MAX`, `TASK_RETRY_PAUSE_DEFAULT`, `TASK_RETRY_PAUSE_MOST_DEFAULT`, `TASK_RETRY_PAUSE_MAX`, `TRUST_CHANGES_MAX`, `KEY_AGENTS_MAX`, `TRUST_RULES_MAX`, `TRUST_SECONDS_MAX`, `APPROVAL_RULES_MAX`, `APPROVAL_LEVELS_MAX`, `APPROVERS_MAX`, `APPROVAL_LENT_MAX`, `APPROVAL_TIME_MAX`, `APPROVAL_LINK_TIME_DEFAULT`, `APPROVAL_LINK_TIME_MAX`, `WEBHOOK_URL_BYTES_MAX`, `WEBHOOK_PARALLEL_DEFAULT`, `WEBHOOK_PARALLEL_MAX`, `WEBHOOK_TRIES_DEFAULT`, `WEBHOOK_OVERLAP_DEFAULT`, `WEBHOOK_OVERLAP_MAX` | `request.invalid` |
//! | an API key: what is left after its time | `KEY_LEEWAY` | `auth.expired` |
//! | what runs, waits and is published at once | `INVOCATIONS_MAX`, `INVOCATIONS_PER_TENANT_MAX`, `INVOCATIONS_PER_AGENT_MAX`, `CALLS_WAITING_MAX`, `CALLS_WAITING_PER_TENANT_MAX`, `CALLS_WAITING_PER_AGENT_MAX`, `WAITS_MAX`, `WAITS_PER_TENANT_MAX`, `PENDING_MAX`, `PENDING_PER_TENANT_MAX`, `PENDING_PER_AGENT_MAX`, `TIMED_TASKS_MAX`, `TIMED_TASKS_PER_TENANT_MAX`, `PUBLISHES_BYTES_MAX`, `REGISTRY_IMAGES_MAX`, `REHEARSALS_MAX`, `REHEARSALS_PER_TENANT_MAX`, `BACKUPS_AT_ONCE`, `SOCKET_SUBSCRIPTIONS_MAX`, `HEALTH_WATCHES_MAX`, `TASK_APPROVALS_MAX`, `APPROVAL_LINKS_MAX` | `limit.concurrency` |
//! | keys of a tenant, to get in and to verify with | `KEYS_MAX`, `TRUSTED_KEYS_MAX`, `KNOWN_KEYS_MAX` | `limit.keys` |
//! | instances of a tenant, and of a session | `INSTANCES_MAX`, `SESSION_INSTANCES_MAX` | `limit.instances` |
//! | sessions of a tenant | `SESSIONS_MAX` | `limit.sessions` |
//! | messages of a session, and those that wait for their turn | `MESSAGES_MAX`, `MESSAGES_WAITING_MAX` | `limit.messages` |
//! | schedules of a tenant | `SCHEDULES_MAX` | `limit.schedules` |
//! | templates of a tenant | `TEMPLATES_MAX` | `limit.templates` |
//! | a template: bytes, parameters, what is put in for them | `TEMPLATE_BYTES_MAX`, `TEMPLATE_PARAMETERS_MAX`, `TEMPLATE_VALUES_BYTES_MAX` | `template.invalid` |
//! | an event: its topic, its attributes | `TOPIC_BYTES_MAX`, `TOPIC_SEGMENTS_MAX`, `EVENT_ATTRIBUTE_BYTES_MAX`, `EVENT_ATTRIBUTE_NAME_BYTES_MAX`, `EVENT_ATTRIBUTES_MAX` | `event.invalid` |
//! | events of a tenant that are delivered, wait for their time, or are kept | `EVENT_DELIVERIES_OPEN_MAX`, `EVENTS_SCHEDULED_MAX`, `EVENTS_BYTES_MAX`, `HOOK_BURST`, `HOOK_PER_SECOND` | `limit.events` |
//! | a message to a hook: when it was sent | `HOOK_WINDOW` | `auth.replay` |
//! | subscriptions, webhooks and hooks of a tenant | `SUBSCRIPTIONS_MAX`, `WEBHOOKS_MAX`, `HOOKS_MAX` | `limit.subscriptions` |
//! | locks of a task and of a tenant, held and waited for; the queue of one | `LOCKS_PER_TASK_MAX`, `LOCKS_PER_TENANT_MAX`, `LOCK_QUEUE_MAX` | `limit.locks` |
//! | tasks above one that an agent asks for, how often an event is passed on | `TASK_HOPS_MAX`, `EVENT_HOPS_MAX` | `limit.hops` |
//! | approvals that an agent asks for: of a task, open and in all, and of an agent | `APPROVALS_OPEN_PER_TASK_MAX`, `APPROVALS_PER_TASK_MAX`, `APPROVALS_OPEN_PER_AGENT_DEFAULT`, `APPROVALS_OPEN_PER_AGENT_MAX` | `limit.approvals` |
//! | artefacts of a task and of a tenant | `ARTIFACT_PIECE_BYTES_MAX`, `ARTIFACTS_BYTES_DEFAULT`, `ARTIFACTS_BYTES_MAX`, `ARTIFACTS_DEFAULT`, `ARTIFACTS_MAX`, `ARTIFACTS_PER_TENANT_BYTES_MAX` | `limit.artifacts` |
//! | tasks and events below one task that no agent asked for and no agent's event led to | `TASK_DESCENDANTS_MAX`, `EVENT_DESCENDANTS_MAX` | `limit.descendants` |
//! | when a schedule is due: a pattern of cron, the name of a time zone | `CRON_BYTES_MAX` | `schedule.invalid` |
//! | task groups of a tenant that have not ended | `GROUPS_MAX` | `limit.groups` |
//! | a task group: steps, tasks, bytes, what of its outputs a step is made of | `GROUP_STEPS_MAX`, `GROUP_DEPTH_MAX`, `GROUP_STEPS_IN_ALL_MAX`, `GROUP_ITEMS_MAX`, `GROUP_TASKS_MAX`, `GROUP_BYTES_MAX`, `GROUP_WIRED_BYTES_MAX` | `limit.group_size` |
//! | channels of an agent | `CHANNELS_PER_AGENT_MAX` | `limit.channels` |
//! | a component, an archive, an image: bytes | `COMPONENT_BYTES_MAX`, `ARCHIVE_BYTES_MAX`, `IMAGE_DOCUMENT_BYTES_MAX`, `IMAGE_CONFIG_BYTES_MAX` | `artifact.size` |
//! | an archive: entries; the document of a channel: bytes, number | `ARCHIVE_ENTRIES_MAX`, `CHANNEL_DOCUMENT_BYTES_MAX`, `CHANNEL_DOCUMENT_NUMBER_MAX` | `artifact.malformed` |
//! | the document of a channel: its clock | `CHANNEL_DOCUMENT_AHEAD_MAX` | `registry.stale` |
//! | a link to an approval: bytes | `APPROVAL_LINK_BYTES_MAX` | `approval.link` |
//! | signatures | `SIGNATURES_MAX`, `SIGNATURE_BYTES_MAX`, `SIGNATURE_PAYLOAD_BYTES_MAX` | `artifact.signature` |
//! | names that are near to each other | `SIMILAR_NAME_CHARS_MIN` | `artifact.name` |
//! | a manifest: bytes, lists, numbers | `MANIFEST_BYTES_MAX`, `MANIFEST_DOCUMENT_BYTES_MAX`, `SUMMARY_CHARS_MAX`, `GOALS_MAX`, `TRIGGERS_MAX`, `HTTP_REQUESTS_MAX`, `HTTP_LIST_MAX`, `HTTP_REDIRECTS_MAX`, `HTTP_RETRIES_MAX`, `FILES_DIRECTORIES_MAX`, `SECRETS_MAX`, `HEALTH_EVERY_DEFAULT`, `HEALTH_EVERY_MIN`, `HEALTH_EVERY_MAX`, `HEALTH_TIMEOUT_DEFAULT`, `HEALTH_TIMEOUT_MAX`, `HEALTH_FAILURES_DEFAULT`, `HEALTH_FAILURES_MAX`, `LOCK_GRANTS_MAX`, `ASK_GRANTS_MAX`, `EVENT_GRANTS_MAX` | `manifest.invalid` |
//! | a profile | `PROFILE_BYTES_MAX`, `SKILLS_MAX`, `SKILL_DESCRIPTION_CHARS_MAX` | `profile.invalid` |
//! | a configuration | `CONFIGURATION_BYTES_MAX` | `configuration.invalid` |
//! | an operator's credentials and secrets | `CREDENTIALS_BYTES_MAX`, `SECRET_BYTES_MIN`, `SECRET_BYTES_MAX` | `credentials.invalid` |
//! | a component: memories, tables, instances, names | `COMPONENT_MEMORIES_MAX`, `COMPONENT_TABLES_MAX`, `COMPONENT_CORE_INSTANCES_MAX`, `COMPONENT_NAMES_MAX`, `COMPONENT_NAMES_IN_ALL_MAX`, `COMPONENT_NAME_BYTES_MAX` | `artifact.limits` |
//! | checking and compiling one | `ADMISSION_TIME_MAX`, `ADMISSION_COMPUTE_MAX`, `ADMISSION_MEMORY_BYTES_MAX` | `artifact.compile_limit` |
//! | starting and describing one | `DESCRIBE_TIME_MAX` | `artifact.init_timeout` |
//! | an invocation and one exchange outside: time | `INVOCATION_TIME_DEFAULT`, `INVOCATION_TIME_MAX`, `TASK_LIFETIME_MAX`, `HTTP_TOTAL_TIME_MAX` | `limit.deadline` |
//! | an invocation: attempts | `TASK_INTERRUPTIONS_MAX` | `limit.attempts` |
//! | a guest: memory and tables | `GUEST_MEMORY_BYTES_DEFAULT`, `GUEST_MEMORY_BYTES_MAX`, `GUEST_TABLE_ELEMENTS_MAX` | `limit.memory` |
//! | a guest: stack | `GUEST_STACK_BYTES_MAX` | `guest.stack` |
//! | a guest: handles | `GUEST_HANDLES_MAX` | `limit.handles` |
//! | a guest: calls of the host | `HOST_CALLS_MAX` | `limit.host_calls` |
//! | a guest: what its calls fill | `JOURNAL_BYTES_MAX` | `limit.journal` |
//! | what passes between guest and host, and what the host holds for a guest | `TRANSFER_BYTES_MAX`, `RANDOM_BYTES_MAX`, `OUTPUT_BYTES_MAX`, `PARTIAL_BYTES_MAX`, `FILES_WRITE_BYTES_MAX`, `SECRET_REFERENCES_MAX`, `HTTP_UNSENT_BYTES_MAX`, `HTTP_HELD_BYTES_MAX`, `HTTP_UNDELIVERED_BYTES_MAX` | `limit.transfer` |
//! | state and files | `STATE_BYTES_DEFAULT`, `STATE_BYTES_MAX`, `STATE_KEYS_MAX`, `STATE_DEPLOYMENT_BYTES_DEFAULT`, `STATE_DEPLOYMENT_KEYS_DEFAULT`, `STATE_VALUE_BYTES_MAX`, `FILES_BYTES_DEFAULT`, `FILES_BYTES_MAX`, `FILES_DEFAULT`, `FILES_MAX` | `limit.storage` |
//! | the path of a file | `FILES_PATH_BYTES_MAX`, `FILES_NAME_BYTES_MAX`, `FILES_DEPTH_MAX` | `denied.path` |
//! | a state key and its time, the name and lease of a lock, as the call itself answers | `STATE_KEY_BYTES_MAX`, `STATE_TTL_MAX`, `LOCK_NAME_BYTES_MAX`, `LOCK_OPTIONS_BYTES_MAX`, `LOCK_LEASE_MIN`, `LOCK_LEASE_DEFAULT`, `LOCK_LEASE_MAX`, `ASK_OPTIONS_BYTES_MAX`, `APPROVAL_SUMMARY_CHARS_MAX`, `APPROVAL_ACTION_BYTES_MAX`, `APPROVAL_OPTIONS_BYTES_MAX`, `APPROVAL_EXPIRY_MIN`, `EVENT_OPTIONS_BYTES_MAX`, `ARTIFACT_NAME_BYTES_MAX`, `ARTIFACT_MEDIA_TYPE_BYTES_MAX` | `invalid` |
//! | a directory too full to be looked through, a disk that is nearly full, as the call itself answers | `FILES_SEEN_MAX`, `FILES_RESERVE_BYTES` | `unavailable` |
//! | a request outside: headers | `HTTP_HEAD_BYTES_MAX`, `HTTP_HEADERS_MAX`, `HTTP_FIELDS_BYTES_MAX` | `limit.headers` |
//! | a request outside: bodies | `HTTP_REQUEST_BODY_BYTES_MAX`, `HTTP_RESPONSE_BODY_BYTES_MAX` | `limit.body` |
//! | a request outside: silence, and an answer that is not read | `HTTP_IDLE_TIME_MAX`, `HTTP_FIRST_BYTE_TIME_MAX`, `HTTP_UNREAD_TIME_MAX` | `limit.idle` |
//! | a request outside: finding its server | `DNS_TIME_MAX` | `unavailable.dns` |
//! | a request outside: connecting | `HTTP_CONNECT_TIME_MAX` | `unavailable.upstream` |
//! | requests outside at once | `HTTP_EXCHANGES_MAX`, `HTTP_EXCHANGES_PER_TENANT_MAX`, `HTTP_EXCHANGES_PER_INVOCATION_MAX`, `HTTP_WAITING_PER_INVOCATION_MAX`, `DNS_LOOKUPS_MAX`, `DNS_LOOKUPS_PER_TENANT_MAX` | `limit.connections` |
//! | requests and bytes a minute | `HTTP_BUDGET_REQUESTS_MAX`, `HTTP_BUDGET_BYTES_MIN`, `HTTP_BUDGET_BYTES_MAX`, `HTTP_BUDGET_SEAT_TIME` | `limit.budget` |
//! | failures of a destination | `CIRCUIT_FAILURES`, `CIRCUIT_ENDS`, `CIRCUIT_WINDOW`, `CIRCUIT_TIME_MIN`, `CIRCUIT_TIME_MAX`, `CIRCUIT_PROBE_TIME` | `unavailable.circuit` |
//! | traps of a release | `QUARANTINE_TRAPS`, `QUARANTINE_ENDS`, `QUARANTINE_WINDOW`, `QUARANTINE_TIME_MIN`, `QUARANTINE_TIME_MAX`, `QUARANTINE_PROBE_TIME` | `agent.quarantined` |
//! | a swap: its steps | `SWAP_STEP_TIME_MAX`, `SWAP_LONG_STEP_TIME_MAX`, `SWAP_MIGRATION_TIME_MAX`, `MIGRATION_TIME_MAX`, `MIGRATION_SPACE_TIME`, `MIGRATION_TIME_IN_ALL_MAX` | `swap.undecided` |
//! | a swap: what still runs on the release before | `DRAIN_TIME_MAX` | `swap.drained` |
//! | a swap: who waits while state changes its form | `MIGRATION_HOLD_TIME_MAX`, `MIGRATION_RETRY_AFTER` | `swap.migrating` |
//! | the host's own memory | `HOST_MEMORY_PERCENT_MAX`, `HOST_MEMORY_PERCENT_AGAIN`, `HOST_MEMORY_LEFT_MIN`, `HOST_MEMORY_LEFT_AGAIN` | `limit.host` |
//! | the way to a registry and back | `REGISTRY_TIME_MAX` | `registry.unavailable` |
//! | the store: waiting for a lock, for a connection and for its server | `STORE_BUSY_TIME_MAX`, `STORE_READ_WAIT_MAX`, `STORE_CONNECT_TIME_MAX`, `STORE_REGAIN_TIME_MAX`, `STORE_AGAIN_TIME_MAX`, `STORE_TRANSACTION_TIME_MAX`, `STORE_IDLE_TIME_MAX` | `unavailable.store` |
//!
//! # Counted or cut, not refused
//!
//! | what is bounded | constants | what becomes of more |
//! |---|---|---|
//! | a guest's log, and the host's notes in it | `LOG_BURST`, `LOG_PER_SECOND`, `LOG_NOTES_BURST`, `LOG_NOTES_PER_SECOND` | dropped, and counted in the next record |
//! | one record of it | `LOG_MESSAGE_BYTES_MAX`, `LOG_FIELDS_MAX` | cut, with a mark; further fields are left out |
//! | what a guest prints | `PRINTED_BYTES_MAX` | dropped, which the log says once |
//! | progress | `PROGRESS_PER_SECOND`, `PROGRESS_MESSAGE_BYTES_MAX` | skipped, and counted in the next report; a line is cut |
//! | parts of an output for who comes late | `PARTS_KEPT_MAX`, `PARTS_KEPT_BYTES_MAX` | the oldest go, and it is said how many |
//! | the details of a failure | `FAILURE_DETAILS_BYTES_MAX` | left out, with how long they are |
//! | what the audit names | `AUDIT_DECISIONS_MAX`, `AUDIT_LINES_MAX` | counted |
//! | a refused call in the journal | `JOURNAL_REFUSED_BYTES_MAX` | its digest stands for it |
//! | a comparison of two releases | `RELEASE_CHANGES_MAX`, `RELEASE_PLACE_CHARS_MAX` | counted; a place is cut |
//! | a comparison of two schemas | `SCHEMA_COMPARE_STEPS_MAX`, `SCHEMA_COMPARE_DEPTH_MAX` | not shown to be compatible |
//! | what one read, one list or one page has | `FILES_READ_BYTES_MAX`, `FILES_LIST_MAX`, `STATE_LIST_MAX`, `PAGE_DEFAULT`, `PAGE_MAX`, `STORE_PAGE_BYTES_MAX`, `GRPC_PAGE_BYTES_MAX` | in the next one |
//! | a list of what a task has asked for, what figures are made of | `CHILDREN_LISTED_MAX`, `FIGURES_TASKS_MAX`, `FIGURES_TASKS_PER_AGENT_MAX`, `FIGURES_TASKS_PER_AGENT_MIN` | the oldest are left out |
//! | a stream of a task group: tasks whose progress it tells | `GROUP_REPORTING_MAX` | not told; a stream of each task tells its own |
//! | an output among the messages of a session | `MESSAGE_OUTPUT_BYTES_MAX` | left out, with how long it is; its task has it |
//! | what the words of a message are held against, and what an answer shows of it | `MESSAGE_WORDS_MAX`, `CANDIDATES_MAX`, `SUGGESTIONS_MAX` | passed over |
//! | what an agent's own conversation is told of what was said before | `HISTORY_MESSAGES_MAX`, `HISTORY_BYTES_MAX` | passed over |
//! | what an agent answers in its own words | `ANSWER_TEXT_BYTES_MAX`, `ANSWER_ITEMS_MAX` | `output.invalid` |
//! | how long an agent may take to suggest something itself | `SUGGEST_TIME_MAX` | `limit.deadline` |
//! | what is rehearsed | `REHEARSAL_JOURNAL_BYTES_MAX`, `REHEARSAL_LOOKED_AT_MAX` | left out, and counted |
//! | a wait in one request | `WAIT_MAX` | answered with how it stands |
//! | an answer outside that is kept whole for its guest | `HTTP_KEPT_BODY_BYTES_MAX`, `HTTP_UNREAD_BYTES_MAX`, `HTTP_PIECE_BYTES_MAX` | streamed, in pieces |
//! | a method, an authority | `HTTP_METHOD_BYTES_MAX`, `HTTP_AUTHORITY_BYTES_MAX` | the guest's call to set it answers no |
//! | addresses of a name | `DNS_ADDRESSES_MAX` | not tried |
//! | a `Retry-After` that is waited out | `HTTP_RETRY_AFTER_MAX` | the answer is the guest's |
//! | a task that would be suspended: its journal | `SUSPENDED_JOURNAL_BYTES_MAX` | waits in its place |
//! | a message on a socket | `SOCKET_MESSAGE_BYTES_MAX` | the socket is closed with 1009 |
//! | connections to a door, silence on them, calls and resets | `CONNECTIONS_MAX`, `REQUEST_HEAD_TIME_MAX`, `HTTP2_CALLS_MAX`, `HTTP2_RESETS_MAX`, `HTTP2_IDLE_TIME_MAX`, `HTTP2_ALIVE_TIME_MAX`, `HTTP2_CALL_WINDOW_BYTES`, `HTTP2_WINDOW_BYTES`, `HTTP2_SEND_BYTES_MAX` | wait to be let in, or for what was sent to be read; those that ask nothing, and those that reset, are closed |
//! | names of locks whose newest token is remembered | `LOCK_NAMES_MAX` | the oldest that nobody holds are forgotten |
//! | what is kept of the past | `JOURNAL_DAYS_DEFAULT`, `JOURNAL_TENANT_BYTES_DEFAULT`, `DEV_RELEASES_KEPT_DEFAULT`, `TRUST_REVISIONS_MAX`, `EVENT_DAYS_KEPT`, `APPROVAL_POLICIES_KEPT_MAX` | the oldest go |
//!
//! # The host's own work
//!
//! Nobody is told of these: they say how much it does at once, how often, and how long it keeps things.
//!
//! | what it is about | constants |
//! |---|---|
//! | compiling, beside what else runs | `ADMISSION_CHILDREN_MAX`, `ADMISSION_NICE` |
//! | how finely time is met | `TICK`, `SLICE` |
//! | the room in which host functions run | `FIBRE_STACK_BYTES` |
//! | agents that describe themselves at once; those kept loaded; differences of releases that are remembered | `DESCRIBES_MAX`, `COMPONENTS_LOADED_MAX`, `DIFFERENCES_KEPT_MAX` |
//! | reading on behind a refusal | `REQUEST_DISCARD_TIME_MAX` |
//! | a check that goes to a thread of its own | `SCHEMA_INLINE_BYTES_MAX` |
//! | refusals of a key that are one record of the audit | `REFUSED_TOGETHER`, `REFUSED_ROUTES_MAX` |
//! | keys in memory; looking whether the host's certificate was renewed, and how much memory is left | `KEYS_CACHED_MAX`, `KEY_CACHE_TIME_MAX`, `KEY_USE_STEP`, `TLS_LOOK_EVERY`, `HOST_MEMORY_LOOK_EVERY` |
//! | suspending, waking, and making tasks that are due | `SUSPEND_AFTER`, `SUSPEND_AHEAD_MIN`, `WOKEN_AT_ONCE`, `SCHEDULES_AT_ONCE`, `LOCKS_ENDED_AT_ONCE`, `GROUPS_AT_ONCE`, `APPROVALS_AT_ONCE` |
//! | sessions: messages whose turn it is, and those whose time is over | `SESSIONS_AT_ONCE` |
//! | the health of instances, and their restarts | `INSTANCE_TRAPS`, `HEALTH_CHECKS_AT_ONCE`, `HEALTH_CHECKS_PER_AGENT`, `HEALTH_WAIT_MAX`, `HEALTH_FIRST_AGAIN`, `INSTANCES_DUE_AT_ONCE`, `INSTANCE_RESTART_PAUSE_FIRST`, `INSTANCE_RESTART_PAUSE_MAX`, `INSTANCE_RESTARTS_MAX`, `INSTANCE_RESTART_WINDOW` |
//! | leases, and the end of a task | `LEASE_TIME`, `LEASE_RENEWAL`, `TASK_END_TIME_MAX`, `CANCEL_TIME_MAX`, `CANCEL_WAIT_MAX` |
//! | events: which go first, when one is delivered again, and removing old ones | `EVENT_HEAD_START_NORMAL`, `EVENT_HEAD_START_HIGH`, `EVENT_HEAD_START_CRITICAL`, `EVENT_PAUSE_FIRST`, `EVENT_PAUSE_MAX`, `EVENTS_AT_ONCE`, `EVENTS_SWEEP_EVERY` |
//! | webhooks: a try, when there is another, and what is read of an answer | `WEBHOOK_TIME_MAX`, `WEBHOOK_PAUSE_FIRST`, `WEBHOOK_LEASE`, `WEBHOOK_ANSWER_BYTES_MAX` |
//! | the end of the host | `SHUTDOWN_TIME_MAX`, `STREAMS_END_TIME_MAX`, `ANSWERS_END_TIME_MAX` |
//! | streams of events | `STREAM_RETRY`, `STREAM_ALIVE_EVERY`, `STREAM_LOOK_EVERY`, `STREAM_FEED_EVENTS`, `STREAM_EVENTS_AT_ONCE`, `STREAM_EVENTS_BYTES`, `FEED_LOOKED_MAX`, `SOCKET_SEND_TIME_MAX`, `SOCKET_CLOSE_TIME_MAX`, `HEALTH_LOOK_EVERY` |
//! | connections outside, tries, and what is remembered of destinations | `HTTP_IDLE_CONNECTIONS_MAX`, `HTTP_KEEP_ALIVE_TIME_MAX`, `HTTP_RETRY_PAUSE_FIRST`, `HTTP_BUDGETS_MAX`, `CIRCUITS_PER_TENANT_MAX` |
//! | swaps: looking, and what they are judged by | `SWAP_LOOK_EVERY`, `TALLY_CALLS_MAX` |
//! | removing and copying state, so much in a commit | `STATE_SWEEP_MAX`, `STATE_SWEEP_EVERY`, `STATE_SPACES_CLEARED_MAX`, `INSTANCES_CLEARED_MAX`, `INSTANCES_CLEARED_BYTES_MAX`, `MIGRATION_COPIED_KEYS_MAX`, `MIGRATION_COPIED_BYTES_MAX` |
//! | directories that stay open | `FILES_OPEN_MAX` |
//! | removing releases, journals and artefacts, and reading those | `COLLECT_PAUSE`, `COLLECTED_RELEASES_MAX`, `JOURNAL_RETENTION_PAUSE`, `ARTIFACTS_LISTED_AT_ONCE`, `ARTIFACT_READ_BYTES`, `ARTIFACTS_COMING_MAX` |
//! | journals on their way | `JOURNALS_LOADING_MAX`, `JOURNAL_WAITING_BYTES_MAX` |
//! | backups | `BACKUP_PART_BYTES`, `BACKUP_PART_BYTES_MAX`, `BACKUP_DOCUMENT_BYTES_MAX`, `BACKUP_PIECES_WAITING_MAX`, `BACKUP_FILE_PIECE_BYTES` |
//! | the store | `STORE_BATCH_MAX`, `STORE_QUEUE_MAX`, `STORE_FOLD_TIME_MAX`, `STORE_READERS`, `STORE_LOG_BYTES_KEPT`, `STORE_REGAIN_PAUSE_FIRST`, `STORE_REGAIN_PAUSE_MAX` |
//! | hosts of one database | `WORDS_BYTES_MAX`, `WORDS_WAITING_MAX`, `PASSED_BYTES_MAX`, `WANTED_TIME`, `WANTED_MAX`, `HOSTS_LOOK_EVERY`, `ROUTE_BEHIND_TIME_MAX`, `HEARD_EVENTS_AT_ONCE`, `CLOCKS_APART_MAX`, `HOSTS_MAX`, `PEER_TIME_MAX`, `PEER_SILENT_TIME_MAX`, `PEER_BLOBS_AT_ONCE` |
//!
//! It has parts since it is longer than a file may be: one for each matter that is changed by
//! itself, and here what all of them share.

mod admission;
mod approval;
mod artifacts;
mod asks;
mod events;
mod groups;
mod hooks;
mod http;
mod instances;
mod locks;
mod migration;
mod registry;
mod releases;
mod sessions;
mod state;
mod store;
mod stream;
mod swap;
mod tasks;
mod templates;
mod trust;
mod webhooks;

use std::time::Duration;

pub use admission::*;
pub use approval::*;
pub use artifacts::*;
pub use asks::*;
pub use events::*;
pub use groups::*;
pub use hooks::*;
pub use http::*;
pub use instances::*;
pub use locks::*;
pub use migration::*;
pub use registry::*;
pub use releases::*;
pub use sessions::*;
pub use state::*;
pub use store::*;
pub use stream::*;
pub use swap::*;
pub use tasks::*;
pub use templates::*;
pub use trust::*;
pub use webhooks::*;

/// Largest component accepted. Python agents are about 18 MB, so there is room for
/// twice that; it is held in memory up to three times while it is published.
pub const COMPONENT_BYTES_MAX: u64 = 40 * 1024 * 1024;

/// Largest `agent.toml`. The longest we ship is 10 KiB.
pub const MANIFEST_BYTES_MAX: usize = 64 * 1024;

/// Largest profile. A skill with a rich schema takes about 10 KiB.
pub const PROFILE_BYTES_MAX: usize = 1024 * 1024;

/// Largest manifest as the JSON document inside a release. A manifest of
/// [`MANIFEST_BYTES_MAX`] cannot become longer than this with every default written out.
pub const MANIFEST_DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// Largest document of the OCI image format: image manifest, configuration of signatures, index.
/// Ours are under 3 KiB.
pub const IMAGE_DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// Largest image configuration of a release, which has the manifest and the profile in it.
pub const IMAGE_CONFIG_BYTES_MAX: usize = MANIFEST_DOCUMENT_BYTES_MAX + PROFILE_BYTES_MAX + IMAGE_DOCUMENT_BYTES_MAX;

/// Largest archive of a release: its parts at their largest, and what tar adds.
pub const ARCHIVE_BYTES_MAX: u64 =
    COMPONENT_BYTES_MAX + (IMAGE_CONFIG_BYTES_MAX + 5 * IMAGE_DOCUMENT_BYTES_MAX + 192 * 1024) as u64;

/// Archives that are read and admitted at once, in bytes together: four of the largest, or
/// hundreds of the usual ones. Each is held up to three times while it is taken apart.
pub const PUBLISHES_BYTES_MAX: u64 = 4 * ARCHIVE_BYTES_MAX;

/// Entries in the archive of a release: ours have 5, tools add 2 directories, signatures 2 and each its payload.
pub const ARCHIVE_ENTRIES_MAX: usize = 9 + SIGNATURES_MAX;

/// Longest summary and longest goal: one line of a table, twice over.
pub const SUMMARY_CHARS_MAX: usize = 200;
/// Goals of an agent. More than a screenful is not read.
pub const GOALS_MAX: usize = 20;
/// Skills of an agent. A model that is offered more than a hundred tools chooses badly.
pub const SKILLS_MAX: usize = 128;
/// Longest description of a skill: two pages, since a model reads it too.
pub const SKILL_DESCRIPTION_CHARS_MAX: usize = 4_000;

/// Largest request body other than a published component: an input plus its envelope.
pub const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Largest request head: method, path and header lines.
pub const REQUEST_HEAD_BYTES_MAX: usize = 32 * 1024;

/// How long a client may take over its request head before the connection is closed,
/// counted from the connection or from the answer before: silence ends it too.
pub const REQUEST_HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// How long the body of a request that is refused is read and thrown away, so that a client
/// which sends before it listens gets the answer and not a broken connection.
pub const REQUEST_DISCARD_TIME_MAX: Duration = Duration::from_secs(2);

/// How long a client may take over a request body, from its first byte to its last. The
/// largest archive arrives in time at 6 Mbit/s.
pub const REQUEST_BODY_TIME_MAX: Duration = Duration::from_secs(60);

/// Deepest nesting of a JSON document. serde_json's own limit is 128; a document this
/// deep is an attack or a mistake.
pub const JSON_DEPTH_MAX: usize = 64;

/// Connections open at once. A connection costs about 10 KiB and a descriptor; the
/// usual descriptor limit is 1,024, and half of it is left for everything else.
pub const CONNECTIONS_MAX: usize = 512;

/// Keys of one tenant that are not revoked. A key for each person and each program of a
/// large team fits; a program that makes a key for each request is told early.
pub const KEYS_MAX: u64 = 1_000;
/// Patterns of names that one key may be bound to: a team's agents, one by one.
pub const KEY_AGENTS_MAX: usize = 32;
/// Longest that a new key may be good for, if it expires at all.
pub const KEY_TIME_MAX: Duration = Duration::from_secs(10 * 366 * 24 * 3600);
/// How long a key is still taken after it has expired: clocks differ by as much.
pub const KEY_LEEWAY: Duration = Duration::from_secs(60);
/// Keys that are held in memory, about 200 bytes each; 3 KiB if one is bound to as many agents as it may be.
pub const KEYS_CACHED_MAX: usize = 10_000;
/// Refusals of one key at one route within this time are one record of the audit, beside that of the first.
pub const REFUSED_TOGETHER: Duration = Duration::from_secs(60);
/// Routes that the audit tells apart where a key is refused within that time; the others are one. So a key makes
/// at most twice as many records a minute, and two more.
pub const REFUSED_ROUTES_MAX: usize = 16;
/// How long a key in memory is taken as it was read. Here a revocation is known at once;
/// what another process did to the store is seen after this, well within 5 s.
pub const KEY_CACHE_TIME_MAX: Duration = Duration::from_secs(2);
/// How exactly a key says when it was used last; each time costs a commit.
pub const KEY_USE_STEP: Duration = Duration::from_secs(60);

/// Longest that a client may ask to wait for a task in one request.
pub const WAIT_MAX: Duration = Duration::from_secs(300);

/// Largest skill input, in bytes of JSON text.
pub const INPUT_BYTES_MAX: usize = 1024 * 1024;

/// Largest skill output, in bytes of JSON text. An account's inventory of thousands of
/// resources is a few megabytes.
pub const OUTPUT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Largest document that is checked against its schema right where it is needed. This
/// much is checked in about a millisecond; more is checked on a thread of its own.
pub const SCHEMA_INLINE_BYTES_MAX: usize = 64 * 1024;

/// Largest details of a failure, in bytes of JSON text. They are facts for a program; what
/// is larger is an output.
pub const FAILURE_DETAILS_BYTES_MAX: usize = 64 * 1024;

/// Largest configuration document.
pub const CONFIGURATION_BYTES_MAX: usize = 64 * 1024;

/// Most that one invocation's guest may hold in linear memories together.
pub const GUEST_MEMORY_BYTES_MAX: usize = 512 * 1024 * 1024;

/// What a guest may hold when its manifest does not say. Ten times what an agent that
/// answers a megabyte of JSON was seen to use.
pub const GUEST_MEMORY_BYTES_DEFAULT: usize = 128 * 1024 * 1024;

/// Most elements in a guest's tables together. Tables hold functions; large programs
/// have tens of thousands.
pub const GUEST_TABLE_ELEMENTS_MAX: usize = 100_000;

/// Core instances, memories and tables one component may consist of. componentize-py
/// and componentize-js need about 40, 2 and 16.
pub const COMPONENT_CORE_INSTANCES_MAX: u32 = 64;
/// Memories in one component; see [`COMPONENT_CORE_INSTANCES_MAX`].
pub const COMPONENT_MEMORIES_MAX: u32 = 8;
/// Tables in one component; see [`COMPONENT_CORE_INSTANCES_MAX`].
pub const COMPONENT_TABLES_MAX: u32 = 32;

/// Imports and exports a component may name.
pub const COMPONENT_NAMES_MAX: usize = 1_000;
/// Imports, exports and declarations of all modules, components and types in a component.
/// An interpreter with its libraries names some thousands; ten times that compiles in time.
pub const COMPONENT_NAMES_IN_ALL_MAX: usize = 50_000;
/// Longest name of an import or export, in bytes. Mangled names of templates have a few
/// kilobytes.
pub const COMPONENT_NAME_BYTES_MAX: usize = 32 * 1024;

/// Guest stack. Half a megabyte is what a native thread of a recursive-descent parser
/// gets by with; the fibre is four times that so that host functions have room.
pub const GUEST_STACK_BYTES_MAX: usize = 512 * 1024;
/// The fibre that guest and host functions share.
pub const FIBRE_STACK_BYTES: usize = 2 * 1024 * 1024;

/// Resource handles one guest may hold at once.
pub const GUEST_HANDLES_MAX: usize = 10_000;

/// Bytes that one call from guest to host may carry, after lifting.
pub const TRANSFER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Random bytes that a guest may ask for in one call.
pub const RANDOM_BYTES_MAX: u64 = 64 * 1024;

/// Host calls that one invocation may make. An inventory of a large account makes a few
/// thousand; a loop over the clock makes a million in under a second.
pub const HOST_CALLS_MAX: u64 = 1_000_000;

/// How long an agent may take to start and to answer `describe`.
pub const DESCRIBE_TIME_MAX: Duration = Duration::from_secs(10);

/// Within what deadlines and cancellations are met.
pub const TICK: Duration = Duration::from_millis(100);

/// How long a guest computes before it is looked at, and others have their turn. Shorter, and
/// the host wakes up for nothing; longer, and a hundred guests that begin at once are a second
/// in the way of everybody else.
pub const SLICE: Duration = Duration::from_millis(10);

/// Invocations that run at once in one host. Each holds a pooled instance and a fibre.
pub const INVOCATIONS_MAX: usize = 256;
/// Invocations of busy agents that run at once for one tenant which has the host for itself; with
/// others beside it it has less (`host/runtime/src/tasks/places.rs`).
pub const INVOCATIONS_PER_TENANT_MAX: usize = 208;
/// Invocations that run at once of one agent which has the host for itself: three quarters, so
/// that whoever comes finds places while it has its own for an hour.
pub const INVOCATIONS_PER_AGENT_MAX: usize = 192;

/// Awaited calls that wait for a place. Each holds its client's connection: with those that
/// run, three quarters of [`CONNECTIONS_MAX`].
pub const CALLS_WAITING_MAX: usize = 128;
/// Awaited calls that wait for a place for one tenant.
pub const CALLS_WAITING_PER_TENANT_MAX: usize = 64;
/// Awaited calls that wait for a place of one agent: a sixth of what runs of it at most, which
/// smooths a burst; more would only learn later that there is none.
pub const CALLS_WAITING_PER_AGENT_MAX: usize = 32;

/// Requests that wait for the end of a task, for the feed or on a stream of events, each with
/// its client's connection: half of [`CONNECTIONS_MAX`].
pub const WAITS_MAX: usize = 256;
/// Requests of one tenant that wait: with its calls that run and that wait for a place, three
/// quarters of [`CONNECTIONS_MAX`], so that others get in.
pub const WAITS_PER_TENANT_MAX: usize = 128;

/// Components that are asked to describe themselves at once, beside the invocations, so
/// that a host at its limit can still swap. Each takes milliseconds.
pub const DESCRIBES_MAX: usize = 4;

/// What one invocation may log at once, and per second after that. A record takes one,
/// and one more for each KiB that it holds: without that, the largest records would be a
/// hundred megabytes.
pub const LOG_BURST: u32 = 500;
/// See [`LOG_BURST`].
pub const LOG_PER_SECOND: u32 = 100;
/// The same for the host's own notes in an invocation's log, such as each request that
/// failed: enough to see what goes wrong, not enough for a loop to fill a disk.
pub const LOG_NOTES_BURST: u32 = 100;
/// See [`LOG_NOTES_BURST`].
pub const LOG_NOTES_PER_SECOND: u32 = 10;
/// What a guest may print in one invocation, on each of its two streams.
pub const PRINTED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest log message; the rest is cut with a mark.
pub const LOG_MESSAGE_BYTES_MAX: usize = 8 * 1024;
/// Most fields of one log record.
pub const LOG_FIELDS_MAX: usize = 32;

/// Progress reports passed on to a watcher per second; of those in between only the newest counts,
/// and it says how many they were.
pub const PROGRESS_PER_SECOND: u32 = 20;
/// Longest progress line.
pub const PROGRESS_MESSAGE_BYTES_MAX: usize = 1024;
/// Partial output of one invocation, all parts together.
pub const PARTIAL_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Traps among the newest [`QUARANTINE_ENDS`] ends of a release that quarantine it: enough
/// that a few bad inputs do not, few enough that a release that always traps costs the host
/// 20 instances and no more.
pub const QUARANTINE_TRAPS: usize = 20;
/// Ends that are looked at: a release of whose calls every third ends well is worth asking.
pub const QUARANTINE_ENDS: usize = 32;
/// How old a trap may be to count. At less than one trap in three seconds the host does not
/// suffer.
pub const QUARANTINE_WINDOW: Duration = Duration::from_secs(60);
/// How long a release is quarantined at first, and at most: each probe that traps doubles it.
/// A minute's outage of what the agent needs costs seconds; a release that never works is
/// tried a dozen times an hour.
pub const QUARANTINE_TIME_MIN: Duration = Duration::from_secs(5);
/// See [`QUARANTINE_TIME_MIN`].
pub const QUARANTINE_TIME_MAX: Duration = Duration::from_secs(300);
/// When to come again while a probe is under way.
pub const QUARANTINE_PROBE_TIME: Duration = Duration::from_secs(1);

/// Tasks that may wait their turn at once, or for their agent to serve again. Each is a
/// row; the bound keeps the order in memory small and tells clients early.
pub const PENDING_MAX: usize = 10_000;
/// Tasks of one tenant that may wait at once: half, so that another's are still accepted.
pub const PENDING_PER_TENANT_MAX: usize = 5_000;
/// Tasks of one agent that may wait at once: half of its tenant's.
pub const PENDING_PER_AGENT_MAX: usize = 2_500;

/// Longest idempotency key a client may send.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// Rows on one page of a list, when not said and at most.
pub const PAGE_DEFAULT: u32 = 50;
/// See [`PAGE_DEFAULT`].
pub const PAGE_MAX: u32 = 500;

/// The rows that a page has for somebody who asked for so many.
pub fn page(asked: Option<u32>) -> u32 {
    asked.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
}

/// How long a swap waits for the release before the last to drain; what still runs on it
/// then is ended with a retryable code.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(30);

/// Components kept loaded beyond their use. A Rust agent's code takes about a megabyte, a
/// Python agent's about forty.
pub const COMPONENTS_LOADED_MAX: usize = 64;

/// How long a stopping host waits for what runs.
pub const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(30);

/// Writes a number of bytes the way manifests do: in the largest binary unit that
/// divides it, such as `64 MiB`.
pub fn bytes(count: u64) -> String {
    for (unit, size) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if count >= size && count.is_multiple_of(size) {
            return format!("{} {unit}", count / size);
        }
    }
    format!("{count} bytes")
}

/// Shortest secret that answers are searched for. Shorter ones would match ordinary
/// text.
pub const SECRET_BYTES_MIN: usize = 8;
/// Longest secret: the key of a service account has 2.5 KiB, a chain of certificates ten
/// times that.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;
/// References to secrets that one request may carry. Each may stand for the longest secret,
/// so that a request grows by 1 MiB at most.
pub const SECRET_REFERENCES_MAX: usize = 16;
/// Secrets that one manifest may ask for: an operator has to read each of them.
pub const SECRETS_MAX: usize = 64;
/// Largest document of an operator's credentials: room for thousands.
pub const CREDENTIALS_BYTES_MAX: usize = 1024 * 1024;

#[cfg(test)]
#[path = "limits/tests.rs"]
mod tests;
