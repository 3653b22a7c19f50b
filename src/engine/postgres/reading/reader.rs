//! The tasks that read.
//!
//! Reads that wait together are one statement. If the database refuses it, each is tried alone, see
//! [`super::apart`], so that a row that cannot be read fails nobody but those who ask for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::page::{Page, Span};
use super::queue::{Reads, Taken, Want};
use crate::engine::postgres::core::Core;
use crate::engine::postgres::pieces::{Joined, PieceNumber};
use crate::engine::postgres::rows::{Fence, random_id};
use crate::engine::postgres::wire::{Failure, Kept, Link, Param, pause};
use crate::engine::{Direction, EngineError, Key, Value};

/// How often reads are tried together that the database refuses, before each is tried alone.
const REFUSED_TRIES: u32 = 3;

/// Answers reads until the store stops.
pub(in crate::engine::postgres) async fn serve(core: Arc<Core>, reads: Arc<Reads>) {
    let work = async {
        let mut reader = Reader { core: &core, link: Kept::default() };
        loop {
            let Taken { wants: mut waiting, out: _out } = reads.take().await;
            let mut failed = 0;
            loop {
                waiting.retain(|want| !want.is_given_up());
                if waiting.is_empty() {
                    break;
                }
                let failure = match reader.answer(&mut waiting).await {
                    Ok(()) => break,
                    Err(failure) => failure,
                };
                let is_refused = match &failure {
                    Failure::Refused(_) => failed + 1 >= REFUSED_TRIES,
                    Failure::Damaged(_) => true,
                    Failure::Lost(_) => false,
                    Failure::Engine(_) | Failure::Unfit(_) => {
                        let error = failure.into_engine();
                        waiting.drain(..).for_each(|want| want.fail(error.clone()));
                        break;
                    }
                };
                if is_refused {
                    reader.answer_apart(&mut waiting, &failure).await;
                    break;
                }
                tracing::warn!(%failure, "a read failed; it is tried again");
                let random = random_id().map_or(0, |id| id.first().copied().unwrap_or_default());
                tokio::time::sleep(pause(failed, random)).await;
                failed += 1;
            }
        }
    };
    core.stop.run_until_cancelled(work).await;
}

pub(super) struct Reader<'a> {
    core: &'a Core,
    link: Kept,
}

impl Reader<'_> {
    /// Answers all that waits. What is left waits for another try.
    async fn answer(&mut self, waiting: &mut Vec<Want>) -> Result<(), Failure> {
        if let Some(Want::Page { span, .. }) = waiting.first() {
            let page = self.page(span).await?;
            if let Some(Want::Page { reply, .. }) = waiting.pop() {
                let _ = reply.send(Ok(page));
            }
            return Ok(());
        }
        let asked = waiting.iter().filter_map(|want| match want {
            Want::Get { keys, .. } => Some(keys),
            Want::Page { .. } => None,
        });
        let mut keys: Vec<&Key> = asked.flatten().collect();
        keys.sort_unstable();
        keys.dedup();
        let read = self.get(&keys).await?;
        for want in waiting.drain(..) {
            let Want::Get { keys, reply } = want else { continue };
            let own = keys.into_iter().map(|key| {
                let value = read.get(key.as_slice()).cloned();
                (Bytes::from(key), value.transpose())
            });
            let _ = reply.send(Ok(own.collect()));
        }
        Ok(())
    }

    /// The values of those of `keys` that the table has.
    pub(super) async fn get(&mut self, keys: &[&Key]) -> Result<Found, Failure> {
        let core = self.core;
        let rows = self.fenced(&core.sql.get, &[(&keys, Type::BYTEA_ARRAY)]).await?;
        let mut pieces = parts(&rows)?;
        pieces.sort_unstable_by_key(|(key, n, _)| (*key, *n));
        let mut found = Found::new();
        for group in pieces.chunk_by(|(a, ..), (b, ..)| a == b) {
            let Some((key, ..)) = group.first() else { continue };
            let mut joined = Joined::new(key.len());
            group.iter().for_each(|(_, n, piece)| joined.add(*n, piece));
            found.insert(Bytes::copy_from_slice(key), joined.value(key));
        }
        Ok(found)
    }

    async fn page(&mut self, span: &Span) -> Result<Page, Failure> {
        let statement = self.core.sql.page(span.direction == Direction::Forward, span.end.is_some());
        let most = i64::try_from(span.rows).unwrap_or(i64::MAX);
        let mut params: Vec<Param<'_>> = vec![(&span.start, Type::BYTEA), (&most, Type::INT8)];
        if let Some(end) = &span.end {
            params.push((end, Type::BYTEA));
        }
        let rows = self.fenced(&statement, &params).await?;
        let mut pieces = parts(&rows)?;
        // The outer statement promises no order.
        pieces.sort_by_key(|(key, n, _)| (*key, *n));
        if span.direction == Direction::Backward {
            pieces.reverse();
        }
        Ok(Page::of(span, &pieces))
    }

    /// Runs a statement that returns rows of the data with 1 in front and the fence of its snapshot with 0.
    async fn fenced(&mut self, statement: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Failure> {
        self.core.may_read()?;
        // The fence of the store does not tell what tenants have written: at a former primary it may be the last one.
        let link = match self.link.take().filter(|link| !self.core.is_former(link)) {
            Some(link) => link,
            None => self.core.link(&self.core.config).await?,
        };
        let read = fenced(self.core, &link, statement, params).await;
        // A connection that failed is not used again; one that refused a statement is as good as before.
        if matches!(read, Ok(_) | Err(Failure::Refused(_) | Failure::Damaged(_))) {
            self.link.put(link);
        }
        read
    }
}

/// Values that the table has.
pub(super) type Found = BTreeMap<Bytes, Result<Value, EngineError>>;

/// Runs a statement that returns rows of the data with 1 in front and the fence of its snapshot with 0.
async fn fenced(
    core: &Core,
    link: &Link,
    statement: &str,
    params: &[Param<'_>],
) -> Result<Vec<Row>, Failure> {
    let (least, _) = core.backlog.counts();
    let mut rows = link.query(statement, params).await?;
    let mut fence = None;
    for row in rows.extract_if(.., |row| row.try_get::<_, i16>(0).is_ok_and(|what| what == 0)) {
        fence = Some(Fence::decode(row.try_get(3).map_err(|error| Failure::of(&error))?)?);
    }
    let Some(fence) = fence else {
        return Err(Failure::Engine(EngineError::Corrupt {
            file: "the table hot of the database".to_owned(),
            offset: 0,
            detail: "it has no row fence".to_owned(),
        }));
    };
    core.judge(&fence, least)?;
    Ok(rows)
}

type Part<'a> = (&'a [u8], PieceNumber, &'a [u8]);

fn parts(rows: &[Row]) -> Result<Vec<Part<'_>>, Failure> {
    let part = |row| {
        let row: &Row = row;
        Ok((row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))
    };
    rows.iter().map(part).collect::<Result<_, tokio_postgres::Error>>().map_err(|error| Failure::of(&error))
}
