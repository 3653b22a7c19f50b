//! The tables of a store: makes them in a database that has none, and refuses whatever is not what it makes.

use std::collections::BTreeMap;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::config::PostgresConfig;
use super::rows::{Beat, Fence, KEYS_OF_LEASES, Meta, NOBODY, random_id};
use super::scope::Scope;
use super::sql::Sql;
use super::wire::{Failure, Hello, Known, Link};
use crate::engine::EngineError;

/// The oldest version of PostgreSQL that is supported.
const OLDEST_VERSION: i32 = 130_000;
/// How often making the tables is tried, because another server may be making them at the same time.
const TRIES: u32 = 5;

const FOUND: &str = "SELECT c.relname::text, c.relkind::text, c.relpersistence::text, \
    (SELECT string_agg(a.attname::text || ' ' || format_type(a.atttypid, NULL), ', ' ORDER BY a.attnum) \
     FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), \
    coalesce((SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary), '') \
    FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace \
    WHERE s.nspname = $1 AND c.relname IN ('hot', 'kv')";

/// The rows of the table `hot` that decide who writes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) fence: Fence,
    /// Its bytes, which a change is compared with.
    pub(super) fence_bytes: Vec<u8>,
    pub(super) beat: Beat,
    pub(super) beat_bytes: Vec<u8>,
    pub(super) meta: Meta,
    pub(super) meta_bytes: Vec<u8>,
    /// Whether its database has to wait for standbys.
    pub(super) waits: bool,
}

/// Refuses a server that cannot keep the promises of the engine.
pub(super) fn check_server(config: &PostgresConfig, hello: &Hello) -> Result<(), Failure> {
    let unfit = |text: String| Err(Failure::Unfit(text));
    if !hello.version.starts_with("PostgreSQL ") || hello.version.contains("-YB-") {
        let name: String = hello.version.chars().take(60).collect();
        return unfit(format!("this program does not know the database {name:?}; it knows PostgreSQL"));
    }
    if hello.version_number < OLDEST_VERSION {
        let major = hello.version_number / 10_000;
        return unfit(format!("PostgreSQL {major} is too old; 13 is the oldest that this program knows"));
    }
    if hello.encoding != "UTF8" {
        return unfit(format!(
            "the database has the encoding {}; make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
            hello.encoding
        ));
    }
    if !config.allow_async_replicas && hello.synchronous_standbys.is_empty() && hello.standbys > 0 {
        // Not unfit: after a failover it may be so for some seconds, and a server that stands by goes on
        // waiting.
        return Err(Failure::Refused(
            "the database has standbys and does not wait for them, so a failover would lose acknowledged writes: \
             set synchronous_standby_names, or start with --allow-async-replicas"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Refuses a server that waits for no standbys although the database did before: a standby that was just
/// promoted, for example, or a former primary that was told to go on alone.
pub(super) fn check_waits(config: &PostgresConfig, hello: &Hello, known: &Known) -> Result<(), Failure> {
    if known.is_synchronous() && hello.synchronous_standbys.is_empty() && !config.allow_async_replicas {
        return Err(Failure::Refused(
            "the database of this store waited for standbys before a write was acknowledged, and does not any more: \
             set synchronous_standby_names, or start with --allow-async-replicas"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Makes the tables, unless they are there. Checks them in any case.
pub(super) async fn ensure(link: &mut Link, schema: &str) -> Result<(), Failure> {
    let mut tries = 1;
    while !exist(link, schema).await? {
        match make(link, schema).await {
            Err(Failure::Refused(why)) if why.contains("42501") => {
                return Err(Failure::Unfit(format!(
                    "the user may not make the tables: {why}; GRANT CREATE ON DATABASE, or make a schema {schema} \
                     that belongs to the user"
                )));
            }
            // Another server made them meanwhile.
            Err(Failure::Refused(_) | Failure::Damaged(_)) if tries < TRIES => {}
            made => made?,
        }
        tries += 1;
    }
    Ok(())
}

/// Whether the tables are there. Fails if something else is in their place.
pub(super) async fn exist(link: &Link, schema: &str) -> Result<bool, Failure> {
    let found = link.query(FOUND, &[(&schema, Type::TEXT)]).await?;
    for row in &found {
        check_table(schema, row)?;
    }
    match found.len() {
        0 => Ok(false),
        2 => Ok(true),
        _ => Err(Failure::Unfit(format!("the schema {schema} has only one of the tables hot and kv"))),
    }
}

fn check_table(schema: &str, row: &Row) -> Result<(), Failure> {
    let text = |n| row.try_get::<_, String>(n).map_err(|error| Failure::of(&error));
    let (name, kind, persistence, columns, key) = (text(0)?, text(1)?, text(2)?, text(3)?, text(4)?);
    let (expected_columns, expected_key) = match name.as_str() {
        "hot" => ("k bytea, v bytea", "(k)"),
        _ => ("k bytea, n smallint, v bytea", "(k, n)"),
    };
    let fault = if kind != "r" || columns != expected_columns {
        "is not a table of this program"
    } else if persistence != "p" {
        "is not logged, so a crash would empty it"
    } else if !key.ends_with(&format!(" USING btree {expected_key}")) {
        "is not ordered by its key"
    } else {
        return Ok(());
    };
    Err(Failure::Unfit(format!("{schema}.{name} {fault}; name another schema in the DSN")))
}

async fn make(link: &mut Link, schema: &str) -> Result<(), Failure> {
    let store = random_id()?;
    let write = random_id()?;
    let fence = Fence { epoch: 0, owner: NOBODY, last: 0, write }.encode();
    let beat = Beat { epoch: 0, owner: NOBODY, count: 0, name: String::new(), address: None }.encode();
    let meta = Meta { store, lending: None }.encode();
    let unit = link.begin().await?;
    let has_schema =
        unit.query("SELECT 1 WHERE to_regnamespace($1) IS NOT NULL", &[(&schema, Type::TEXT)]).await?;
    if has_schema.is_empty() {
        unit.query(&format!("CREATE SCHEMA {schema}"), &[]).await?;
    }
    // Rows of `hot` change with every write: room on their pages keeps them in place.
    let hot =
        format!("CREATE TABLE {schema}.hot (k bytea PRIMARY KEY, v bytea NOT NULL) WITH (fillfactor = 10)");
    unit.query(&hot, &[]).await?;
    let kv = format!(
        "CREATE TABLE {schema}.kv (k bytea, n int2, v bytea NOT NULL, PRIMARY KEY (k, n)) WITH (fillfactor = 90)"
    );
    unit.query(&kv, &[]).await?;
    let rows = format!(
        "INSERT INTO {schema}.hot (k, v) VALUES ('meta'::bytea, $1), ('fence'::bytea, $2), ('beat'::bytea, $3) \
         RETURNING 1"
    );
    unit.query(&rows, &[(&meta, Type::BYTEA), (&fence, Type::BYTEA), (&beat, Type::BYTEA)]).await?;
    unit.commit().await
}

/// Rows of `hot`.
type Found = BTreeMap<Vec<u8>, Vec<u8>>;

/// Reads the rows of `hot` that decide who writes.
pub(super) async fn rows(link: &Link, sql: &Sql) -> Result<Rows, Failure> {
    let found = found(link, &sql.rows).await?;
    Ok(Rows::of(&found, sql.scope)?)
}

/// Reads those of a lease, if it was ever lent.
pub(super) async fn lease(link: &Link, sql: &Sql) -> Result<Option<Rows>, Failure> {
    let found = found(link, &sql.rows).await?;
    let was_lent = found.contains_key(sql.scope.fence().as_bytes());
    Ok(was_lent.then(|| Rows::of(&found, sql.scope)).transpose()?)
}

/// Reads those of the store and of every lease.
pub(super) async fn all(link: &Link, sql: &Sql) -> Result<(Rows, BTreeMap<u32, Rows>), Failure> {
    let found = found(link, &sql.all_rows).await?;
    let mut leases = BTreeMap::new();
    for lease in found.keys().filter_map(|key| lease_of_fence(key)) {
        leases.insert(lease, Rows::of(&found, Scope::Lease(lease))?);
    }
    Ok((Rows::of(&found, Scope::Store)?, leases))
}

fn lease_of_fence(key: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(key).ok()?.strip_prefix(KEYS_OF_LEASES.0)?;
    u32::from_str_radix(digits, 16).ok()
}

async fn found(link: &Link, statement: &str) -> Result<Found, Failure> {
    let rows = link.query(statement, &[]).await?;
    let pair = |row: &Row| Ok((row.try_get(0)?, row.try_get(1)?));
    rows.iter().map(pair).collect::<Result<_, tokio_postgres::Error>>().map_err(|error| Failure::of(&error))
}

impl Rows {
    fn of(found: &Found, scope: Scope) -> Result<Self, EngineError> {
        let row = |name: &str| {
            found.get(name.as_bytes()).cloned().ok_or_else(|| EngineError::Corrupt {
                file: "the table hot of the database".to_owned(),
                offset: 0,
                detail: format!("it has no row {name}"),
            })
        };
        let (meta_bytes, fence_bytes, beat_bytes) = (row("meta")?, row(&scope.fence())?, row(&scope.beat())?);
        Ok(Self {
            meta: Meta::decode(&meta_bytes)?,
            fence: Fence::decode(&fence_bytes)?,
            beat: Beat::decode(&beat_bytes)?,
            waits: found.contains_key(&b"waits"[..]),
            meta_bytes,
            fence_bytes,
            beat_bytes,
        })
    }

    /// Whether somebody was allowed to take what these rows are for, and has not done it.
    pub(super) fn is_granted(&self) -> bool {
        !self.fence.is_free() && self.beat.owner == NOBODY
    }
}
