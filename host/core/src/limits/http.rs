//! What bounds requests of agents on their way out.

use std::time::Duration;

/// Longest that a name may take to resolve. A healthy resolver answers in
/// milliseconds; getaddrinfo's own timeout is 5 s per server.
pub const DNS_TIME_MAX: Duration = Duration::from_secs(5);
/// Names being resolved at once. Each holds a thread that cannot be interrupted, of
/// the 512 that tokio keeps for blocking work.
pub const DNS_LOOKUPS_MAX: usize = 32;
/// Names being resolved at once for one tenant: a quarter, so that one whose names nobody
/// answers for leaves room for others.
pub const DNS_LOOKUPS_PER_TENANT_MAX: usize = 8;
/// Addresses of one name that are considered. Public names have a handful.
pub const DNS_ADDRESSES_MAX: usize = 16;

/// How long connecting may take, all addresses and the TLS handshake together. A lost
/// SYN is sent again after 1 and 3 s, so this survives two.
pub const HTTP_CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// How long a server may take to begin its answer. Cloud APIs compute for up to a
/// minute before the first byte.
pub const HTTP_FIRST_BYTE_TIME_MAX: Duration = Duration::from_secs(60);
/// Longest silence in the middle of a body.
pub const HTTP_IDLE_TIME_MAX: Duration = Duration::from_secs(20);
/// Longest that a guest may leave an answer unread that is too long to be kept for it. Its service
/// waits meanwhile, on a connection of the tenant's share; a guest that computes on an answer
/// reads it first.
pub const HTTP_UNREAD_TIME_MAX: Duration = Duration::from_secs(60);
/// Longest that one exchange may take from first to last byte.
pub const HTTP_TOTAL_TIME_MAX: Duration = Duration::from_secs(300);
/// Largest request body. It is held whole for signing.
pub const HTTP_REQUEST_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Largest response body that a guest may read.
pub const HTTP_RESPONSE_BODY_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Largest head of a request or response. Servers refuse 8 to 64 KiB.
pub const HTTP_HEAD_BYTES_MAX: usize = 64 * 1024;
/// Headers of one request in the host's memory, what the map itself takes included: twice
/// what they may take on the wire.
pub const HTTP_FIELDS_BYTES_MAX: usize = 2 * HTTP_HEAD_BYTES_MAX;
/// Most header lines in a request or response. AWS sends about 20.
pub const HTTP_HEADERS_MAX: usize = 128;
/// Largest piece in which a response body is handed on.
pub const HTTP_PIECE_BYTES_MAX: usize = 64 * 1024;
/// Outgoing exchanges open at once in the host: with
/// [`CONNECTIONS_MAX`](super::CONNECTIONS_MAX) and the idle connections this stays below the
/// usual descriptor limit of 1,024.
pub const HTTP_EXCHANGES_MAX: usize = 256;
/// Outgoing exchanges open at once for one tenant, so that one cannot starve the rest.
pub const HTTP_EXCHANGES_PER_TENANT_MAX: usize = 64;
/// Idle outgoing connections kept for reuse.
pub const HTTP_IDLE_CONNECTIONS_MAX: usize = 64;
/// How long an idle connection is kept. AWS closes its ends after about 20 s; a
/// connection closed under a request makes a write's outcome unknown.
pub const HTTP_KEEP_ALIVE_TIME_MAX: Duration = Duration::from_secs(10);

/// HTTP exchanges that one invocation has open at once; further ones wait their turn, and
/// an answer that streams is open until it is read to its end. A browser opens 6 to a host
/// and up to 32 in all; a quarter of a tenant's share leaves room for others.
pub const HTTP_EXCHANGES_PER_INVOCATION_MAX: usize = 16;
/// Requests of one invocation that wait for their turn. With those that are open they are as
/// many as the whole host has open; a guest that begins more at once is told, since each
/// would only wait behind its own.
pub const HTTP_WAITING_PER_INVOCATION_MAX: usize = 240;
/// Most requests a minute that a budget may say. More than sixteen thousand a second is no
/// bound.
pub const HTTP_BUDGET_REQUESTS_MAX: u32 = 1_000_000;
/// Fewest bytes a minute that a budget may say: a request and its answer without bodies fit.
pub const HTTP_BUDGET_BYTES_MIN: u64 = 1024;
/// Most bytes a minute that a budget may say. A link of 100 Gbit/s carries less.
pub const HTTP_BUDGET_BYTES_MAX: u64 = 1024 * 1024 * 1024 * 1024;
/// When to come again where as many requests are under way as a budget allows.
pub const HTTP_BUDGET_SEAT_TIME: Duration = Duration::from_secs(1);
/// Budgets of one agent that are held in memory beyond those that are in use: those of a
/// manifest and of its operator, twice over.
pub const HTTP_BUDGETS_MAX: usize = 4 * HTTP_REQUESTS_MAX;
/// Redirects of one request that a grant may have followed. Moves to another address and to a
/// mirror take one or two.
pub const HTTP_REDIRECTS_MAX: u8 = 3;
/// Tries after the first that a grant may have made. What four tries in some seconds do not
/// reach is down, and more would keep it there.
pub const HTTP_RETRIES_MAX: u8 = 3;
/// Bound of the pause before the first further try; it doubles with each. The pause itself is
/// anything below, so that those who failed together do not come back together.
pub const HTTP_RETRY_PAUSE_FIRST: Duration = Duration::from_millis(400);
/// Longest `Retry-After` that is waited out; with a longer one the answer is the guest's.
pub const HTTP_RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
/// Failures among the newest [`CIRCUIT_ENDS`] requests of a tenant to one destination that
/// open its circuit: enough that a bad minute of one server among many does not.
pub const CIRCUIT_FAILURES: usize = 10;
/// Ends that are looked at: a destination that serves more than half is worth asking.
pub const CIRCUIT_ENDS: usize = 20;
/// How old a failure may be to count.
pub const CIRCUIT_WINDOW: Duration = Duration::from_secs(30);
/// How long a circuit is open at first, and at most: each probe that fails doubles it. A
/// server that restarts is back within seconds, one that is gone is asked once a minute.
pub const CIRCUIT_TIME_MIN: Duration = Duration::from_secs(5);
/// See [`CIRCUIT_TIME_MIN`].
pub const CIRCUIT_TIME_MAX: Duration = Duration::from_secs(60);
/// When to come again while a probe is under way.
pub const CIRCUIT_PROBE_TIME: Duration = Duration::from_secs(1);
/// Destinations with failures that are remembered of one tenant, about 1 KiB each. Of more,
/// those that failed last are.
pub const CIRCUITS_PER_TENANT_MAX: usize = 512;
/// Longest response body that is whole in memory and in the journal before the guest sees
/// it. A page of a cloud's API is a few hundred kilobytes at most.
pub const HTTP_KEPT_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Response bodies that one invocation may leave unread in the host's memory. What comes
/// beyond that is streamed, however short.
pub const HTTP_UNREAD_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Requests that one invocation may have begun and not yet sent, heads and bodies.
pub const HTTP_UNSENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Headers, methods, hosts and paths that one invocation may hold in the host's memory.
/// Ten thousand requests and answers of the usual size fit.
pub const HTTP_HELD_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Calls and answers that one invocation has not been given: twice what may lie unread,
/// since an answer is there once for the guest and once for the journal.
pub const HTTP_UNDELIVERED_BYTES_MAX: usize = 2 * HTTP_UNREAD_BYTES_MAX;
/// Longest method. The longest that is registered has 17 letters.
pub const HTTP_METHOD_BYTES_MAX: usize = 64;
/// Longest host with its port: a name has at most 253 characters.
pub const HTTP_AUTHORITY_BYTES_MAX: usize = 300;

/// HTTP capabilities one manifest may ask for: an operator has to read each of them.
pub const HTTP_REQUESTS_MAX: usize = 64;
/// Actions or methods that one HTTP capability may list.
pub const HTTP_LIST_MAX: usize = 256;
