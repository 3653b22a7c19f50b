//! Opening: finds the database, makes or checks the tables, and takes the ownership.

use std::collections::BTreeMap;
use std::time::Duration;

use super::takeover::{Taken, Verdict, Watch, take};
use crate::engine::EngineError;
use crate::engine::postgres::config::PostgresConfig;
use crate::engine::postgres::peer::PeerKey;
use crate::engine::postgres::rows::{Beat, Id};
use crate::engine::postgres::scope::Scope;
use crate::engine::postgres::sql::Sql;
use crate::engine::postgres::tables::{self, Rows};
use crate::engine::postgres::wire::{Failure, Hello, Known, Link, Tls, connect};

/// How long one statement of a server that opens the store or stands by may take.
const WATCH_WITHIN: Duration = Duration::from_secs(3);

/// The server that owns a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// What it says about itself: [`PostgresConfig::name`].
    pub name: String,
    /// How many servers have owned the store before, and this one.
    pub epoch: u64,
    /// Where it can be reached, if it says so: [`PostgresConfig::address`].
    pub address: Option<String>,
    /// What it shares with those that stand by.
    pub key: PeerKey,
}

/// What a server that stands by sees. It is told at the beginning, and whenever it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Another server owns the store and renews its ownership.
    Waiting {
        /// That server.
        owner: Owner,
        /// How long this server has waited so far.
        since: Duration,
    },
    /// No host of the DSN can be used now; it goes on trying.
    NoDatabase {
        /// The last error.
        why: String,
    },
}

/// What to do if another server owns the store.
pub enum Contention<'a> {
    /// Watches for somewhat longer than a term whether it is alive, then fails with [`EngineError::InUse`];
    /// fails too if no database is reached. What is lent is taken back; if its tenant is alive, this fails so
    /// as well.
    Refuse,
    /// Waits until the store is given up or its owner is silent for longer than a term, for ever if need be,
    /// and tells what it waits for.
    Wait(&'a (dyn Fn(Standing) + Send + Sync)),
}

/// What a look finds, without changing anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLook {
    /// The database has no store in this schema.
    Missing,
    /// It has one.
    Present {
        /// Whether no batch has ever been written to it.
        is_empty: bool,
        /// The server that owns it, or that died as its owner; `None` if it was closed.
        owner: Option<Owner>,
        /// The number of the last batch.
        last: u64,
    },
}

/// A store that this process owns from now on.
pub(super) struct Opened {
    pub(super) link: Link,
    pub(super) hello: Hello,
    pub(super) taken: Taken,
    pub(super) tls: Tls,
    pub(super) known: Known,
}

/// Opens the store: see [`PostgresEngine::open`](super::PostgresEngine::open). `me` is what this process
/// calls itself in the fence, in every attempt: one that was thought lost is its own too.
pub(super) async fn open(
    config: &PostgresConfig,
    contention: &Contention<'_>,
    me: Id,
) -> Result<Opened, EngineError> {
    let tls = Tls::load(&config.dsn).map_err(Failure::into_engine)?;
    let (known, mut watching) = (Known::default(), config.clone());
    // A database that hangs must not keep this server from the next host for longer than from a takeover.
    watching.statement_within = config.statement_within.min(WATCH_WITHIN);
    let mut opening = Opening {
        config: &watching,
        contention,
        tls: &tls,
        known: &known,
        owner: me,
        watch: Watch::default(),
        leases: BTreeMap::new(),
    };
    let begun = config.clock.now();
    loop {
        let failure = match opening.attempt(begun).await {
            Ok((mut link, hello, taken)) => {
                link.set_limit(config.statement_within);
                return Ok(Opened { link, hello, taken, tls, known });
            }
            Err(failure) => failure.at_opening(),
        };
        known.doubt();
        match (failure, contention) {
            (Failure::Lost(why) | Failure::Refused(why) | Failure::Damaged(why), Contention::Wait(tell)) => {
                tell(Standing::NoDatabase { why });
                tokio::time::sleep(config.beat()).await;
            }
            (failure, _) => return Err(failure.into_engine()),
        }
    }
}

struct Opening<'a> {
    config: &'a PostgresConfig,
    contention: &'a Contention<'a>,
    tls: &'a Tls,
    known: &'a Known,
    owner: Id,
    watch: Watch,
    /// One for each lease that has to be free.
    leases: BTreeMap<u32, Watch>,
}

/// What an attempt ends with that took over.
pub(super) type Attempt = (Link, Hello, Taken);

impl Opening<'_> {
    /// Connects, and watches the owner until the store can be taken over.
    async fn attempt(&mut self, begun: Duration) -> Result<Attempt, Failure> {
        let (config, schema) = (self.config, self.config.dsn.schema());
        let sql = Sql::new(schema, Scope::Store);
        let (mut link, hello) = connect(config, self.tls, self.known).await?;
        tables::check_server(config, &hello)?;
        tables::ensure(&mut link, schema).await?;
        self.known.saw(&hello);
        let mut told = None;
        loop {
            // Who does not wait takes everything back that is lent; who waits is a server, and knows what is.
            let (rows, leases) = match self.contention {
                Contention::Refuse => tables::all(&link, &sql).await?,
                Contention::Wait(_) => (tables::rows(&link, &sql).await?, BTreeMap::new()),
            };
            if rows.waits {
                self.known.must_wait();
            }
            tables::check_waits(config, &hello, self.known)?;
            let now = config.clock.now();
            let leased = self.look_at_leases(&leases, now)?;
            match self.watch.look(&rows, &self.owner, now, config.term) {
                Verdict::Free if !leased => {
                    if let Some(taken) = take(config, &sql, &mut link, &rows, self.owner, &leases).await? {
                        return Ok((link, hello, taken));
                    }
                    continue;
                }
                Verdict::Alive if matches!(self.contention, Contention::Refuse) => {
                    return Err(Failure::Engine(EngineError::InUse(in_use(config, &rows.beat))));
                }
                Verdict::Free | Verdict::Alive | Verdict::Unknown => {}
            }
            let owner = owner_of(&rows);
            if let (Contention::Wait(tell), Some(owner)) = (self.contention, owner)
                && told.replace(owner.clone()).as_ref() != Some(&owner)
            {
                tell(Standing::Waiting { owner, since: config.clock.now().saturating_sub(begun) });
            }
            tokio::time::sleep(config.beat()).await;
        }
    }

    /// Whether one of these leases may still have a tenant. Fails if one is alive.
    fn look_at_leases(&mut self, leases: &BTreeMap<u32, Rows>, now: Duration) -> Result<bool, Failure> {
        let mut may_have = false;
        for (lease, rows) in leases {
            let watch = self.leases.entry(*lease).or_default();
            match watch.look(rows, &self.owner, now, self.config.term) {
                Verdict::Free => {}
                Verdict::Unknown => may_have = true,
                Verdict::Alive => {
                    let name = named(&rows.beat);
                    let text = format!("{}, of which {name} serves a memberbase", self.config.dsn);
                    return Err(Failure::Engine(EngineError::InUse(text)));
                }
            }
        }
        Ok(may_have)
    }
}

fn in_use(config: &PostgresConfig, beat: &Beat) -> String {
    format!("{}, owned by {}", config.dsn, named(beat))
}

fn named(beat: &Beat) -> &str {
    if beat.name.is_empty() { "another server" } else { &beat.name }
}

fn owner_of(rows: &Rows) -> Option<Owner> {
    let Rows { fence, beat, meta, .. } = rows;
    (!fence.is_free()).then(|| Owner {
        name: beat.name.clone(),
        epoch: fence.epoch,
        address: beat.address.clone(),
        key: PeerKey::of(&fence.owner, &meta.store),
    })
}

/// Looks whether there is a store, and what state it is in. Changes nothing.
pub async fn look(config: &PostgresConfig) -> Result<StoreLook, EngineError> {
    look_for(config).await.map_err(|failure| failure.at_opening().into_engine())
}

async fn look_for(config: &PostgresConfig) -> Result<StoreLook, Failure> {
    let tls = Tls::load(&config.dsn)?;
    let (link, hello) = connect(config, &tls, &Known::default()).await?;
    tables::check_server(config, &hello)?;
    let schema = config.dsn.schema();
    if !tables::exist(&link, schema).await? {
        return Ok(StoreLook::Missing);
    }
    let rows = tables::rows(&link, &Sql::new(schema, Scope::Store)).await?;
    let owner = owner_of(&rows);
    Ok(StoreLook::Present { is_empty: rows.fence.last == 0, owner, last: rows.fence.last })
}
