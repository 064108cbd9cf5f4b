//! What bounds streams of events, sockets, and connections of HTTP/2.

use std::time::Duration;

/// When a client comes again whose stream has ended or broken off, as it is told with its first
/// event: a host that is started again serves within a second or two.
pub const STREAM_RETRY: Duration = Duration::from_secs(2);
/// How often a silent stream says that it is alive.
pub const STREAM_ALIVE_EVERY: Duration = Duration::from_secs(15);
/// How often it is looked whether whoever reads a stream is still let in, also when nothing is
/// known to have changed: keys expire, and another process may revoke one.
pub const STREAM_LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long the streams of a host that stops may take to tell the rest and end, once nothing runs
/// any more; then the store is closed.
pub const STREAMS_END_TIME_MAX: Duration = Duration::from_secs(2);
/// How long answers of a host that stops have to reach their clients, once there will be no more
/// of them.
pub const ANSWERS_END_TIME_MAX: Duration = Duration::from_secs(3);
/// Events of the feed that a stream reads at once.
pub const STREAM_FEED_EVENTS: u32 = 100;
/// Events of the bus that a stream reads at once.
pub const STREAM_EVENTS_AT_ONCE: u32 = 100;
/// What the events take together that a stream reads at once, at least one of them. With
/// [`super::WAITS_MAX`] streams whose clients take nothing it is held for all of them.
pub const STREAM_EVENTS_BYTES: u64 = 64 * 1024;
/// Parts of a running task's output that are kept for whoever comes back to its stream: as many as
/// a slow watcher may be behind.
pub const PARTS_KEPT_MAX: usize = 256;
/// What the parts kept of one running task take together, at least one of them. With
/// [`super::INVOCATIONS_MAX`] tasks that say as much as they may it is 64 MiB.
pub const PARTS_KEPT_BYTES_MAX: usize = 256 * 1024;
/// Events of the feed that one request for a page looks at, where few or none are wanted. The page then
/// says where to go on.
pub const FEED_LOOKED_MAX: usize = 10_000;
/// Patterns of a filter of the feed, each of which every event is held against.
pub const FEED_PATTERNS_MAX: usize = 32;
/// Length of a pattern of a filter; types and subjects are shorter.
pub const FEED_PATTERN_BYTES_MAX: usize = 256;
/// What one socket follows at once: some for each part of a page.
pub const SOCKET_SUBSCRIPTIONS_MAX: usize = 32;
/// A message of a client: the largest input of a task, and as much again. A larger one is not kept, and is read past
/// for as long as [`SOCKET_SEND_TIME_MAX`], so that its client hears why the socket is closed.
pub const SOCKET_MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Length of the word by which a client knows a subscription; a UUID has 36.
pub const SOCKET_ID_CHARS_MAX: usize = 64;
/// How long a client may take for one message, or for what is written to its connection, before it is given up: longer
/// than a page sleeps in which somebody sets a breakpoint, and no longer than a dead connection may hold a place.
pub const SOCKET_SEND_TIME_MAX: Duration = Duration::from_secs(30);
/// How long the client's own close is waited for.
pub const SOCKET_CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// Calls at once on one connection of HTTP/2: as many streams as the protocol would have at least
/// (RFC 9113, section 6.5.2).
pub const HTTP2_CALLS_MAX: u32 = 100;
/// Calls of a connection that its client resets before they are looked at. Who resets more has its
/// connection ended (CVE-2023-44487).
pub const HTTP2_RESETS_MAX: usize = 20;
/// How long nothing may be under way on a connection that has asked something: longer than programs pause
/// between calls, and no longer than a place is kept for nobody.
pub const HTTP2_IDLE_TIME_MAX: Duration = Duration::from_secs(120);
/// How long a client may take to say that it is alive, before its connection is given up.
pub const HTTP2_ALIVE_TIME_MAX: Duration = Duration::from_secs(10);
/// What a client may send of one call before it is read.
pub const HTTP2_CALL_WINDOW_BYTES: u32 = 128 * 1024;
/// What a client may send of all calls of a connection before it is read: with
/// [`super::CONNECTIONS_MAX`] connections 128 MiB.
pub const HTTP2_WINDOW_BYTES: u32 = 256 * 1024;
/// What is held of an answer that its client does not read.
pub const HTTP2_SEND_BYTES_MAX: usize = 64 * 1024;
/// A page of a list in one message of gRPC: clients take 4 MiB unless they are told otherwise.
pub const GRPC_PAGE_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Who may watch the health of the host at once, all of them unknown to it: some balancers of load.
pub const HEALTH_WATCHES_MAX: usize = 32;
/// How often it is looked whether the host still takes work, for those who watch.
pub const HEALTH_LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often the files of the host's certificate are looked at: within a few seconds a renewed one serves.
pub const TLS_LOOK_EVERY: Duration = Duration::from_secs(5);
