//! A host whose database is on PostgreSQL.
//!
//! `TROUPE_TEST_POSTGRES` is the address of a database on a server whose user may make others, and
//! `psql` must be there. Without them the suite is left out; with `TROUPE_REQUIRE_SUITES` set that is a
//! failure. What the store does on PostgreSQL is tested in `host/store/tests/store/`.

mod cut;
mod held;
mod killed;
mod newer;
mod refused;
mod restored;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use troupe_tests::canary::canary;
use troupe_tests::{Host, guests};

use crate::PROGRAM;
use crate::rest::tasks::sleeper::host_that_sleeps;

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// An empty database, which goes with this.
pub struct Base {
    server: String,
    name: String,
    /// Stands in the address, and must show nowhere. The server does not ask for it.
    password: String,
}

impl Base {
    pub(crate) fn new() -> Option<Self> {
        let Ok(server) = std::env::var("TROUPE_TEST_POSTGRES") else {
            assert!(std::env::var_os("TROUPE_REQUIRE_SUITES").is_none(), "TROUPE_TEST_POSTGRES names no server");
            // Past the test runner, which keeps what a passing test prints to itself.
            let _ = writeln!(std::io::stderr(), "left out: PostgreSQL, because TROUPE_TEST_POSTGRES names no server");
            return None;
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let base =
            Self { server, name: format!("troupe_test_{}_suite_{number}", std::process::id()), password: canary() };
        psql(&base.server, &format!("create database {} template template0 encoding 'UTF8'", base.name));
        Some(base)
    }

    /// Its address, with the name of a database and a password.
    fn address(&self, name: &str) -> String {
        let place = self.server.split('?').next().unwrap_or_default();
        let (scheme, authority) = place.split_once("://").expect("an address");
        let authority = authority.split('/').next().unwrap_or_default();
        let (user, host) = authority.rsplit_once('@').unwrap_or(("postgres", authority));
        let user = user.split(':').next().unwrap_or_default();
        format!("{scheme}://{user}:{}@{host}/{name}", self.password)
    }

    pub(crate) fn url(&self) -> String {
        self.address(&self.name)
    }

    /// Asks the database something.
    pub(crate) fn ask(&self, statement: &str) -> String {
        psql(&self.url(), statement)
    }

    /// Ends every session of the host with it, as a restart of the server does.
    pub(crate) fn cut(&self) -> u64 {
        let ended = self.ask(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity
             where datname = current_database() and application_name like 'troupe %'",
        );
        ended.parse().expect("a number")
    }

    /// Lets no host in any more, as a server that is gone.
    pub(crate) fn shut(&self) {
        psql(&self.server, &format!("alter database {} with allow_connections false", self.name));
        psql(
            &self.server,
            &format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'", self.name),
        );
    }

    /// Lets them in again.
    pub(crate) fn open(&self) {
        psql(&self.server, &format!("alter database {} with allow_connections true", self.name));
    }

    /// A host on it that has not been started. The password is a secret of its own.
    pub(crate) fn host(&self) -> Host {
        let host = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0"]);
        host.canaries().watch(&self.password);
        host.with_variable("TROUPE_DATABASE", &self.url())
    }

    /// One that has been.
    pub(crate) async fn started(&self) -> Host {
        let mut host = self.host();
        host.start().await;
        host
    }

    /// One on which `echo` 1.0.0 serves and 2.0.0 is there.
    pub(crate) async fn host_with_echo(&self) -> Host {
        let host = self.started().await;
        let client = host.client();
        client.publish(guests().echo.archive("1.0.0")).await.of(201);
        client.publish(guests().echo_2.archive("2.0.0")).await.of(201);
        client.swap("echo", "1.0.0").await.of(200);
        host
    }

    /// Waits until the server has ended every session of hosts that are dead: until then it may commit what they had
    /// sent.
    pub(crate) async fn deserted(&self) {
        let sessions = "select count(*) from pg_stat_activity
                        where application_name like 'troupe %' and datname = current_database()";
        let until = Instant::now() + Duration::from_secs(10);
        while self.ask(sessions) != "0" {
            assert!(Instant::now() < until, "sessions of a dead host go on");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A host on it with the one agent `sleeper`, which counts its evenings.
    async fn host_that_counts(&self) -> Host {
        let host = self.started().await;
        let grants = json!({ "state": { "bytes": 1 << 20, "keys": 1_000 } });
        host_that_sleeps(host, &guests().sleeper, grants).await
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        let statement = format!("drop database {} with (force)", self.name);
        let _ = Command::new("psql").args(["-X", "-q", "-d", &self.server, "-c", &statement]).status();
    }
}

fn psql(url: &str, statement: &str) -> String {
    let asked =
        Command::new("psql").args(["-X", "-q", "-A", "-t", "-d", url, "-c", statement]).stdin(Stdio::null()).output();
    let asked = asked.expect("psql on the path");
    assert!(asked.status.success(), "{statement}: {}", String::from_utf8_lossy(&asked.stderr));
    String::from_utf8(asked.stdout).expect("text").trim().to_owned()
}
