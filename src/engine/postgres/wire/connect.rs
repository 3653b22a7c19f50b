//! Finds the server of the database that accepts writes.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, Row};

use super::failure::{Failure, chain};
use super::link::Link;
use super::stream;
use super::tls::Tls;
use crate::engine::postgres::config::PostgresConfig;
use crate::engine::postgres::dsn::{Dsn, Host, Ssl};
use crate::engine::postgres::rows::{Id, random_id};

/// How long a statement waits for a row that another one has locked. Then it is sent again.
const LOCK_WITHIN_MS: u32 = 5_000;
/// How long a transaction may stand idle on the server before it is undone: it keeps others from the fence.
const IDLE_WITHIN_MS: u32 = 5_000;
/// How long other hosts have to answer once one has.
const OTHERS_WITHIN: Duration = Duration::from_millis(500);

// Users without the right to see them all see rows of the view without a state.
const HELLO: &str = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', \
    current_setting('server_version_num')::int4, version(), current_setting('server_encoding'), \
    current_setting('synchronous_standby_names'), current_setting('synchronous_commit'), \
    coalesce(current_setting('memberbase.direct', true), ''), \
    (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' OR state IS NULL), \
    CASE WHEN pg_is_in_recovery() THEN '' \
    ELSE substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END";

/// What a server says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine::postgres) struct Hello {
    pub(in crate::engine::postgres) version_number: i32,
    pub(in crate::engine::postgres) version: String,
    pub(in crate::engine::postgres) encoding: String,
    /// The standbys that must have a commit before it is acknowledged; empty if there are none.
    pub(in crate::engine::postgres) synchronous_standbys: String,
    /// The standbys that stream its log now.
    pub(in crate::engine::postgres) standbys: i64,
    /// Grows with every promotion of a standby.
    pub(in crate::engine::postgres) timeline: u32,
}

/// What is known of the database from earlier connections.
#[derive(Debug, Default)]
pub(in crate::engine::postgres) struct Known {
    /// The latest timeline.
    timeline: AtomicU32,
    /// The place of the host that was used last among those of the DSN.
    host: AtomicUsize,
    /// Whether all hosts were looked at since a write to the last one got no answer.
    is_sure: AtomicBool,
    /// A server waited for standbys, so each has to from then on.
    is_synchronous: AtomicBool,
}

impl Known {
    pub(in crate::engine::postgres) fn saw(&self, hello: &Hello) {
        self.timeline.fetch_max(hello.timeline, Ordering::AcqRel);
        self.waits_for(&hello.synchronous_standbys);
    }

    /// Whether a later timeline than that of this connection was seen since. Then it leads to a former primary,
    /// which lacks what was written elsewhere meanwhile.
    pub(in crate::engine::postgres) fn is_former(&self, link: &Link) -> bool {
        link.timeline() < self.timeline.load(Ordering::Acquire)
    }

    /// A server had to wait for these standbys.
    pub(in crate::engine::postgres) fn waits_for(&self, standbys: &str) {
        if !standbys.is_empty() {
            self.must_wait();
        }
    }

    /// The store says that its database waits for standbys.
    pub(in crate::engine::postgres) fn must_wait(&self) {
        self.is_synchronous.store(true, Ordering::Release);
    }

    /// The database has been known to wait for standbys.
    pub(in crate::engine::postgres) fn is_synchronous(&self) -> bool {
        self.is_synchronous.load(Ordering::Acquire)
    }

    /// A write got no answer. The host that was used last may be a former primary whose standbys have left
    /// it: it goes on accepting connections for ever.
    pub(in crate::engine::postgres) fn doubt(&self) {
        self.is_sure.store(false, Ordering::Release);
    }

    fn used(&self, place: usize) {
        self.host.store(place, Ordering::Release);
    }
}

/// Connects to a host that accepts writes and whose timeline is not below the latest that is known. The one
/// that was used last is tried first, because others may hang; unless it is in doubt, or none was used yet:
/// then the one with the latest timeline counts of all that answer.
pub(in crate::engine::postgres) async fn connect(
    config: &PostgresConfig,
    tls: &Tls,
    known: &Known,
) -> Result<(Link, Hello), Failure> {
    let timeline = known.timeline.load(Ordering::Acquire);
    if config.dsn.hosts.len() > 1 && !known.is_sure.swap(true, Ordering::AcqRel) {
        return match latest(config, tls, timeline).await {
            Ok((place, connected)) => {
                known.used(place);
                Ok(connected)
            }
            Err(failure) => {
                known.doubt();
                Err(failure)
            }
        };
    }
    let mut failures = Vec::new();
    let first = known.host.load(Ordering::Acquire);
    let hosts = config.dsn.hosts.iter().enumerate();
    for (place, host) in hosts.clone().skip(first).chain(hosts.take(first)) {
        match within(config, tls, host, timeline).await {
            Ok(connected) => {
                known.used(place);
                return Ok(connected);
            }
            Err(failure @ (Failure::Unfit(_) | Failure::Engine(_))) => return Err(failure),
            Err(failure) => failures.push((place, failure)),
        }
    }
    Err(none(config, failures))
}

/// The host with the latest timeline of those that answer soon, its place and a connection to it.
async fn latest(
    config: &PostgresConfig,
    tls: &Tls,
    timeline: u32,
) -> Result<(usize, (Link, Hello)), Failure> {
    let hosts = config.dsn.hosts.iter().enumerate();
    let mut asked: FuturesUnordered<_> = hosts
        .map(|(place, host)| async move { (place, within(config, tls, host, timeline).await) })
        .collect();
    let (mut best, mut failures): (Option<(usize, (Link, Hello))>, _) = (None, Vec::new());
    loop {
        let next = match &best {
            None => asked.next().await,
            // The others may hang.
            Some(_) => tokio::time::timeout(OTHERS_WITHIN, asked.next()).await.unwrap_or(None),
        };
        match next {
            None => break,
            Some((place, Ok(connected))) => {
                if best.as_ref().is_none_or(|(_, (_, hello))| hello.timeline < connected.1.timeline) {
                    best = Some((place, connected));
                }
            }
            Some((place, Err(failure))) => failures.push((place, failure)),
        }
    }
    if let Some(best) = best {
        return Ok(best);
    }
    failures.sort_unstable_by_key(|(place, _)| *place);
    let is_final = |failure: &Failure| matches!(failure, Failure::Unfit(_) | Failure::Engine(_));
    match failures.iter().find(|(_, failure)| is_final(failure)) {
        Some((_, failure)) => Err(failure.clone()),
        None => Err(none(config, failures)),
    }
}

fn none(config: &PostgresConfig, failures: Vec<(usize, Failure)>) -> Failure {
    let mut why = String::new();
    for (place, failure) in failures {
        let separator = if why.is_empty() { "" } else { "; " };
        let host = config.dsn.hosts.get(place).map(ToString::to_string).unwrap_or_default();
        let _ = write!(why, "{separator}{host}: {failure}");
    }
    Failure::Lost(format!("no server of the database can be used: {why}"))
}

async fn within(
    config: &PostgresConfig,
    tls: &Tls,
    host: &Host,
    timeline: u32,
) -> Result<(Link, Hello), Failure> {
    let limit = config.connect_within;
    tokio::time::timeout(limit, to(config, tls, host, timeline))
        .await
        .unwrap_or_else(|_| Err(Failure::Lost(format!("no answer within {} s", limit.as_secs_f32()))))
}

async fn to(
    config: &PostgresConfig,
    tls: &Tls,
    host: &Host,
    timeline: u32,
) -> Result<(Link, Hello), Failure> {
    let lost = |error: &dyn std::error::Error| Failure::Lost(chain(error));
    let dsn = &config.dsn;
    let socket = stream::open(host).await.map_err(|error| lost(&error))?;
    let mark = hex(&random_id()?);
    let connected = settings(dsn, host, &mark).connect_raw(socket, tls.to(host)).await;
    let (client, connection) = connected.map_err(|error| explained(dsn, &error))?;
    let mut link = Link::new(client, connection, config.statement_within);
    let rows = link.query(HELLO, &[]).await?;
    let row = rows.first().ok_or_else(|| Failure::Lost("the first query had no answer".to_owned()))?;
    let (hello, direct, refuses) = hello(row).map_err(|error| lost(&error))?;
    if let Some(why) = refuses {
        return Err(Failure::Lost(why.to_owned()));
    }
    if hello.timeline < timeline {
        let found = hello.timeline;
        return Err(Failure::Lost(format!(
            "a former primary: its timeline is {found}, not {timeline} or later"
        )));
    }
    if !dsn.transaction_pooler && direct != mark {
        return Err(Failure::Unfit(pooler_between()));
    }
    link.set_timeline(hello.timeline);
    Ok((link, hello))
}

fn settings(dsn: &Dsn, host: &Host, mark: &str) -> Config {
    let mut settings = Config::new();
    settings.user(&dsn.user).dbname(&dsn.database).application_name(&dsn.application_name);
    if let Some(password) = &dsn.password {
        settings.password(password);
    }
    settings.ssl_mode(match (host, dsn.ssl) {
        (Host::Unix { .. }, _) | (_, Ssl::Disable) => SslMode::Disable,
        (_, Ssl::Prefer) => SslMode::Prefer,
        (_, Ssl::Require | Ssl::VerifyFull) => SslMode::Require,
    });
    if !dsn.transaction_pooler {
        // A pooler that gives each transaction another session does not take these, so the mark is missing.
        // As long as the database has no statistics, it would read the whole table for 200 keys; everything
        // here is by key.
        settings.options(format!(
            "-c memberbase.direct={mark} -c lock_timeout={LOCK_WITHIN_MS} -c statement_timeout=0 -c jit=off \
             -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off \
             -c idle_in_transaction_session_timeout={IDLE_WITHIN_MS} \
             -c default_transaction_isolation=read\\ committed"
        ));
    }
    settings
}

/// What the server says, the mark of this connection, and why it accepts no writes, if so.
fn hello(row: &Row) -> Result<(Hello, String, Option<&'static str>), tokio_postgres::Error> {
    let (is_standby, is_read_only): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    let timeline: &str = row.try_get(9)?;
    let hello = Hello {
        version_number: row.try_get(2)?,
        version: row.try_get(3)?,
        encoding: row.try_get(4)?,
        synchronous_standbys: row.try_get(5)?,
        standbys: row.try_get(8)?,
        timeline: u32::from_str_radix(timeline, 16).unwrap_or_default(),
    };
    let refuses = match (is_standby, is_read_only) {
        (true, _) => Some("a standby, which accepts no writes"),
        (false, true) => Some(
            "it accepts no writes, although it is no standby: default_transaction_read_only is on, for the server, \
             this database or this user",
        ),
        (false, false) => None,
    };
    Ok((hello, row.try_get(7)?, refuses))
}

/// Errors before the first query: those that trying again cannot mend say what to do.
fn explained(dsn: &Dsn, error: &tokio_postgres::Error) -> Failure {
    let Some(said) = error.as_db_error() else {
        let text = chain(error);
        return match dsn.password {
            None if text.contains("password missing") => Failure::Unfit(format!(
                "the database asks {} for a password, and none was given: put it into MEMBERBASE_STORE_PASSWORD, or \
                 into a file that store-password-file names",
                dsn.user
            )),
            _ => Failure::Lost(text),
        };
    };
    let code = said.code().code();
    let text = format!("{} (SQLSTATE {code})", said.message());
    match code {
        "28000" | "28P01" => Failure::Unfit(format!("the database refuses the login: {text}")),
        "3D000" => Failure::Unfit(format!("the database must be created first: {text}")),
        "42501" => Failure::Unfit(format!("the user lacks a right: {text}")),
        "08P01" if !dsn.transaction_pooler && said.message().contains("startup parameter") => {
            Failure::Unfit(pooler_between())
        }
        _ => Failure::Lost(text),
    }
}

fn pooler_between() -> String {
    "there is a pooler between this server and the database, which may mix sessions: connect directly, or add \
     pooler=transaction to the DSN"
        .to_owned()
}

fn hex(id: &Id) -> String {
    id.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// How long to wait before trying again, the `n`th time, with some chance in it.
pub(in crate::engine::postgres) fn pause(n: u32, random: u8) -> Duration {
    let base = Duration::from_millis(25).saturating_mul(1 << n.min(5));
    base + base * u32::from(random) / 255
}
