//! Statements that change the fence.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::group::Part;
use crate::engine::EngineError;
use crate::engine::postgres::core::Core;
use crate::engine::postgres::rows::{Fence, NOBODY, random_id};
use crate::engine::postgres::wire::{Failure, Link};

/// Writes a group: `from` is the fence that the tables have, `to` the one that they have afterwards. `false`
/// says that the tables had another fence, and nothing was written.
pub(super) async fn send(
    core: &Core,
    link: &mut Link,
    from: &Fence,
    to: &Fence,
    parts: &[Part],
) -> Result<bool, Failure> {
    match parts {
        [] => whole(core, link, from, to, &Part::default()).await,
        [part] => whole(core, link, from, to, part).await,
        parts => in_parts(core, link, from, to, parts).await,
    }
}

/// One statement, which is a transaction of its own.
async fn whole(core: &Core, link: &Link, from: &Fence, to: &Fence, part: &Part) -> Result<bool, Failure> {
    let (to, from, params) = (to.encode(), from.encode(), part.params());
    let mut all: Vec<(&(dyn tokio_postgres::types::ToSql + Sync), Type)> =
        vec![(&to, Type::BYTEA), (&from, Type::BYTEA)];
    all.extend(params.list());
    let rows = link.write(&core.sql.group(part.arms()), &all).await?;
    let changed: i64 = cell(rows.first(), 2)?;
    acknowledged(core, rows.first())?;
    Ok(changed == 1)
}

/// The fence first, which keeps everybody else out, then the data.
async fn in_parts(
    core: &Core,
    link: &mut Link,
    from: &Fence,
    to: &Fence,
    parts: &[Part],
) -> Result<bool, Failure> {
    let (to, from) = (to.encode(), from.encode());
    let unit = link.begin().await?;
    let fence = unit.query(&core.sql.fence, &[(&to, Type::BYTEA), (&from, Type::BYTEA)]).await?;
    if fence.is_empty() {
        return Ok(false);
    }
    for part in parts {
        let params = part.params();
        unit.query(&core.sql.part(part.arms()), &params.list()).await?;
    }
    let rows = unit.query(&core.sql.last_word, &[(&to, Type::BYTEA)]).await?;
    if rows.is_empty() {
        return Err(Failure::Lost("the transaction lost its own change of the fence".to_owned()));
    }
    unit.commit().await?;
    acknowledged(core, rows.first())?;
    Ok(true)
}

/// Finds out what the tables have: a change of the fence that waits for every undecided one, and after which
/// late ones do nothing. Fails if another server owns the store, or if batches up to `durable` are not there.
pub(in crate::engine::postgres) async fn prove(
    core: &Core,
    link: &Link,
    durable: u64,
) -> Result<Fence, Failure> {
    let write = random_id()?;
    let write = write.as_slice();
    let rows = link.write(&core.sql.prove, &[(&write, Type::BYTEA), (&core.who, Type::BYTEA)]).await?;
    if rows.is_empty() {
        return Err(core.taken_over());
    }
    acknowledged(core, rows.first())?;
    let fence = Fence::decode(cell(rows.first(), 2)?)?;
    check_last(core, &fence, durable)?;
    Ok(fence)
}

/// Whether the tables, in which a write has just been acknowledged, have the batches up to `durable`.
pub(in crate::engine::postgres) fn check_last(
    core: &Core,
    fence: &Fence,
    durable: u64,
) -> Result<(), Failure> {
    if fence.last < durable {
        core.ownership.lose(&format!(
            "the database has lost acknowledged writes: it has batches up to {}, and {durable} was acknowledged",
            fence.last
        ));
        return Err(Failure::Engine(core.not_owner()));
    }
    Ok(())
}

/// Gives the store up, so that another server can take over at once.
pub(in crate::engine::postgres) async fn release(
    core: &Core,
    link: &Link,
    fence: &Fence,
) -> Result<bool, Failure> {
    let free = Fence { owner: NOBODY, write: random_id()?, ..*fence };
    let rows =
        link.write(&core.sql.fence, &[(&free.encode(), Type::BYTEA), (&fence.encode(), Type::BYTEA)]).await?;
    Ok(!rows.is_empty())
}

/// The first column of every statement here: the standbys that had to acknowledge it.
fn acknowledged(core: &Core, row: Option<&Row>) -> Result<(), Failure> {
    core.acknowledged(cell(row, 0)?)
}

pub(in crate::engine::postgres) fn cell<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: Option<&'a Row>,
    column: usize,
) -> Result<T, Failure> {
    let row = row.ok_or_else(|| {
        Failure::Engine(EngineError::Io("the database returned no row where there must be one".to_owned()))
    })?;
    row.try_get(column).map_err(|error| Failure::of(&error))
}
