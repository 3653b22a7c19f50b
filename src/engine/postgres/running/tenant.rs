//! Opens a lease for the server that it was granted to.

use std::collections::BTreeMap;

use super::opening::Opened;
use super::takeover::take;
use crate::engine::EngineError;
use crate::engine::postgres::config::PostgresConfig;
use crate::engine::postgres::rows::Id;
use crate::engine::postgres::scope::Scope;
use crate::engine::postgres::sql::Sql;
use crate::engine::postgres::tables;
use crate::engine::postgres::wire::{Failure, Known, Tls, connect};

/// How often opening is tried when the database fails.
const TRIES: u32 = 3;

/// Takes the lease if it is still granted so. `me` is what this process calls itself in its fence, in every
/// attempt.
pub(super) async fn open(
    config: &PostgresConfig,
    lease: u32,
    grant: Id,
    me: Id,
) -> Result<Opened, EngineError> {
    let tls = Tls::load(&config.dsn).map_err(Failure::into_engine)?;
    let known = Known::default();
    let mut tries = 1;
    loop {
        match attempt(config, &tls, &known, Scope::Lease(lease), [grant, me])
            .await
            .map_err(Failure::at_opening)
        {
            Ok((link, hello, taken)) => return Ok(Opened { link, hello, taken, tls, known }),
            Err(failure @ (Failure::Lost(_) | Failure::Refused(_) | Failure::Damaged(_)))
                if tries < TRIES =>
            {
                tracing::warn!(%failure, lease, "a lease could not be opened; it is tried again");
            }
            Err(failure) => return Err(failure.into_engine()),
        }
        known.doubt();
        tokio::time::sleep(config.beat()).await;
        tries += 1;
    }
}

async fn attempt(
    config: &PostgresConfig,
    tls: &Tls,
    known: &Known,
    scope: Scope,
    [grant, me]: [Id; 2],
) -> Result<super::opening::Attempt, Failure> {
    let sql = Sql::new(config.dsn.schema(), scope);
    let (mut link, hello) = connect(config, tls, known).await?;
    tables::check_server(config, &hello)?;
    known.saw(&hello);
    loop {
        let not_owner =
            || Failure::Engine(EngineError::NotOwner("the lease is not granted to it now".to_owned()));
        let rows = tables::lease(&link, &sql).await?.ok_or_else(not_owner)?;
        if rows.waits {
            known.must_wait();
        }
        tables::check_waits(config, &hello, known)?;
        let owner = rows.fence.owner;
        if owner != me && !(rows.is_granted() && owner == grant) {
            return Err(not_owner());
        }
        if let Some(taken) = take(config, &sql, &mut link, &rows, me, &BTreeMap::new()).await? {
            return Ok((link, hello, taken));
        }
    }
}
