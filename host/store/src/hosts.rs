//! The hosts of one database: who works on it, and how far each has come with what others change.
//!
//! ```text
//!            renewed every few seconds
//!              ┌──────┐
//!  enter ──▶ live ────┘── its time is over ──▶ others take over: the row is gone, and with it the right to write
//!              └── leave ────────────────────▶ the same at once
//! ```
//!
//! *The danger:* a host stands still, or is cut off, and goes on later as if nothing had happened, while another
//! has taken its work up. *The rule:* who has no row writes nothing (`writer/link.rs` looks under the lock of all
//! commits), and what a host held belongs to nobody from the commit that removes its row. Times are the
//! database's, so no host goes by its own clock or another's. *The default:* a host that is late and that nobody
//! has taken over from goes on.
//!
//! A data directory is held by one process at a time, so whoever enters from one knows that those of it before
//! are dead. On SQLite that is so of all.

use troupe_core::{AgentName, Digest, Result, TenantId, Timestamp, limits};

use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, number};
use crate::sql::{Connection, Row, Side, query, query_scalar};
use crate::writer::Tx;

/// A host that works on the database.
#[derive(Clone, PartialEq, Eq)]
pub struct HostRow {
    /// Its name in leases, another for each start.
    pub owner: String,
    /// Its data directory's name.
    pub home: String,
    /// Where other hosts reach it.
    pub address: String,
    /// What others show it to be given blobs.
    pub secret: String,
    /// The key that tenants trust which have said nothing, and a mark of the one that signs webhooks.
    pub signs_with: String,
    /// Its version.
    pub version: String,
    /// When it began, by the database's clock.
    pub started_at: Timestamp,
    /// When others take over from it, by the database's clock.
    pub until: Timestamp,
}

impl std::fmt::Debug for HostRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostRow").field("owner", &self.owner).field("address", &self.address).finish_non_exhaustive()
    }
}

/// What of a deployment is in force at a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRouteRow {
    /// The tenant.
    pub tenant: TenantId,
    /// The agent.
    pub agent: AgentName,
    /// The epoch of the route in force.
    pub epoch: u64,
    /// Whether anything of the agent runs there.
    pub busy: bool,
    /// Whether new work is held back there.
    pub held: bool,
    /// The releases of earlier routes on which something runs there.
    pub draining: Vec<Digest>,
}

/// The statement of database time on PostgreSQL, in milliseconds since 1970.
const NOW: &str = "select cast(floor(extract(epoch from clock_timestamp()) * 1000) as bigint)";

impl Store {
    /// Makes a process one of the database's hosts, in place of those of its data directory before. From
    /// then on this store writes nothing once the host was taken over. Times of `host` are filled in.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn enter(&self, host: HostRow) -> Result<()> {
        let owner = host.owner.clone();
        self.write(move |tx| Box::pin(enter(tx, host))).await?;
        self.link().is_host(&owner);
        Ok(())
    }

    /// Says that a host goes on; returns the database's time.
    ///
    /// # Errors
    /// When the store is unavailable, or another host has taken over from this one.
    pub async fn renew_host(&self, owner: &str) -> Result<Timestamp> {
        let owner = owner.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let now = database_now(tx).await?;
                query("update hosts set until = $2 where owner = $1")
                    .bind(owner)
                    .bind(now.plus(limits::LEASE_TIME).as_millis())
                    .execute(&mut tx.connection)
                    .await?;
                Ok(now)
            })
        })
        .await
    }

    /// Lists the hosts, those that are over and not taken over included, by when they began; and the
    /// database's time.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn hosts(&self) -> Result<(Vec<HostRow>, Timestamp)> {
        let mut reader = self.reader().await?;
        let now = time(&mut reader, self.now()).await?;
        let rows = query("select * from hosts order by started_at, owner limit $1")
            .bind(i64::from(limits::HOSTS_MAX))
            .fetch_all(&mut reader)
            .await
            .map_err(Failed::from)?;
        Ok((rows.iter().map(read).collect::<Done<_>>()?, now))
    }

    /// Removes other hosts whose time is over, and returns them. From then on they write nothing, and what
    /// they held is nobody's.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn take_over(&self, owner: &str) -> Result<Vec<HostRow>> {
        let owner = owner.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let now = database_now(tx).await?;
                let gone = query("delete from hosts where until <= $1 and owner <> $2 returning *")
                    .bind(now.as_millis())
                    .bind(owner)
                    .fetch_all(&mut tx.connection)
                    .await?;
                forget_routes(tx).await?;
                gone.iter().map(read).collect()
            })
        })
        .await
    }

    /// Has a host be none any more.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn leave(&self, owner: &str) -> Result<()> {
        let owner = owner.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                query("delete from hosts where owner = $1").bind(owner).execute(&mut tx.connection).await?;
                forget_routes(tx).await
            })
        })
        .await
    }

    /// Whether tasks are said to run at hosts that are none any more.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn any_orphans(&self) -> Result<bool> {
        let found: Option<i64> = query_scalar(
            "select cast(1 as bigint) from tasks
             where status = 'running' and (lease_owner is null or lease_owner not in (select owner from hosts)) limit 1",
        )
        .fetch_optional(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        Ok(found.is_some())
    }

    /// Says what of deployments is in force at a host.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn report_routes(&self, owner: &str, routes: Vec<HostRouteRow>) -> Result<()> {
        let owner = owner.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                for route in &routes {
                    report(tx, &owner, route).await?;
                }
                // Whoever waits for it looks.
                tx.routes_moved = true;
                Ok(())
            })
        })
        .await
    }

    /// How many other hosts have not come as far as `epoch` with a deployment, or still run something on a
    /// release of an earlier one.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn hosts_behind(
        &self,
        owner: &str,
        (tenant, agent): (&TenantId, &AgentName),
        epoch: u64,
        release: &Digest,
    ) -> Result<u64> {
        let count: i64 = query_scalar(
            "select count(*) from hosts
             left join host_routes on host_routes.owner = hosts.owner
                and host_routes.tenant = $1 and host_routes.agent = $2
             where hosts.owner <> $3
                and (host_routes.epoch is null or host_routes.epoch < $4 or host_routes.draining like $5)",
        )
        .bind(tenant.as_str())
        .bind(agent.as_str())
        .bind(owner)
        .bind(number(epoch)?)
        .bind(format!("%{release}%"))
        .fetch_one(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// How many other hosts do not hold new work of a deployment back yet, or still run some.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn hosts_at_work(&self, owner: &str, tenant: &TenantId, agent: &AgentName) -> Result<u64> {
        let count: i64 = query_scalar(
            "select count(*) from hosts
             left join host_routes on host_routes.owner = hosts.owner
                and host_routes.tenant = $1 and host_routes.agent = $2
             where hosts.owner <> $3 and (host_routes.held is null or host_routes.held = 0 or host_routes.busy = 1)",
        )
        .bind(tenant.as_str())
        .bind(agent.as_str())
        .bind(owner)
        .fetch_one(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// The epoch of every tenant's deployments.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn route_epochs(&self) -> Result<Vec<(TenantId, AgentName, u64)>> {
        let rows = query("select tenant, agent, epoch from deployments").fetch_all(&mut self.reader().await?).await;
        let rows = rows.map_err(Failed::from)?;
        let epoch = |row: &Row| Ok((row.parsed("tenant")?, row.parsed("agent")?, row.number("epoch")?));
        Ok(rows.iter().map(epoch).collect::<Done<_>>()?)
    }

    /// What the database is called elsewhere: what was said first, letters and digits.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn database_name(&self, proposed: &str) -> Result<String> {
        let proposed = proposed.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                query("insert into database_name (one, name) values (1, $1) on conflict (one) do nothing")
                    .bind(proposed)
                    .execute(&mut tx.connection)
                    .await?;
                Ok(query_scalar("select name from database_name").fetch_one(&mut tx.connection).await?)
            })
        })
        .await
    }

    /// Has something else than the database carry words to other hosts.
    pub fn is_carried(&self) {
        self.link().is_carried();
    }
}

async fn enter(tx: &mut Tx, host: HostRow) -> Done<()> {
    let now = database_now(tx).await?;
    let is_alone = matches!(tx.connection.side(), Side::Sqlite(_));
    query("delete from hosts where home = $1 or $2 = 1")
        .bind(host.home.as_str())
        .bind(i64::from(is_alone))
        .execute(&mut tx.connection)
        .await?;
    forget_routes(tx).await?;
    query(
        "insert into hosts (owner, home, address, secret, signs_with, version, started_at, until)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(host.owner)
    .bind(host.home)
    .bind(host.address)
    .bind(host.secret)
    .bind(host.signs_with)
    .bind(host.version)
    .bind(now.as_millis())
    .bind(now.plus(limits::LEASE_TIME).as_millis())
    .execute(&mut tx.connection)
    .await?;
    Ok(())
}

/// What was said of hosts that are none any more.
async fn forget_routes(tx: &mut Tx) -> Done<()> {
    query("delete from host_routes where owner not in (select owner from hosts)").execute(&mut tx.connection).await?;
    Ok(())
}

async fn report(tx: &mut Tx, owner: &str, route: &HostRouteRow) -> Done<()> {
    let draining: Vec<String> = route.draining.iter().map(Digest::to_string).collect();
    query(
        "insert into host_routes (owner, tenant, agent, epoch, busy, held, draining)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (owner, tenant, agent) do update set
            epoch = excluded.epoch, busy = excluded.busy, held = excluded.held, draining = excluded.draining",
    )
    .bind(owner)
    .bind(route.tenant.as_str())
    .bind(route.agent.as_str())
    .bind(number(route.epoch)?)
    .bind(i64::from(route.busy))
    .bind(i64::from(route.held))
    .bind(draining.join(" "))
    .execute(&mut tx.connection)
    .await?;
    Ok(())
}

async fn database_now(tx: &mut Tx) -> Done<Timestamp> {
    let own = tx.now;
    time(&mut tx.connection, own).await
}

/// The database's time; SQLite has none but the host's.
async fn time(connection: &mut dyn Connection, own: Timestamp) -> Done<Timestamp> {
    if matches!(connection.side(), Side::Sqlite(_)) {
        return Ok(own);
    }
    let now: i64 = query_scalar(NOW).fetch_one(connection).await?;
    Ok(Timestamp::from_millis(now))
}

fn read(row: &Row) -> Done<HostRow> {
    Ok(HostRow {
        owner: row.get_as("owner")?,
        home: row.get_as("home")?,
        address: row.get_as("address")?,
        secret: row.get_as("secret")?,
        signs_with: row.get_as("signs_with")?,
        version: row.get_as("version")?,
        started_at: row.at("started_at")?,
        until: row.at("until")?,
    })
}
