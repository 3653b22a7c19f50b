//! Numbers batches in the order of their appends.

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use super::writer::Ready;
use crate::engine::pending::{Ops, ops_of};
use crate::engine::postgres::backlog::{Beneath, Numbered};
use crate::engine::postgres::core::Core;
use crate::engine::postgres::reading::Reads;
use crate::engine::{Batch, Durable, EngineError, Key, Value};

/// The most batches whose keys are read together.
const TOGETHER: usize = 256;

/// An appended batch.
#[derive(Debug)]
pub(in crate::engine::postgres) struct Waiting {
    pub(in crate::engine::postgres) batch: Batch,
    pub(in crate::engine::postgres) reply: oneshot::Sender<Result<Durable, EngineError>>,
}

struct Unnumbered {
    checks: Vec<(Key, Option<Value>)>,
    ops: Ops,
    reply: oneshot::Sender<Result<Durable, EngineError>>,
}

/// Numbers what comes until nothing can come any more, or the store stops.
pub(in crate::engine::postgres) async fn number(
    core: Arc<Core>,
    reads: Arc<Reads>,
    mut appended: UnboundedReceiver<Waiting>,
    numbered: UnboundedSender<Ready>,
) {
    let work = async {
        let mut waiting = Vec::new();
        while appended.recv_many(&mut waiting, TOGETHER).await > 0 {
            let batches: Vec<_> = waiting.drain(..).map(unnumbered).collect();
            let mut beneath = core.backlog.beneath();
            let mut batches = batches.into_iter().peekable();
            // Once, unless a batch has left the backlog since its keys were looked for there.
            while batches.peek().is_some() {
                let left: Vec<_> = batches.collect();
                batches = match read_beneath(&core, &reads, &left, &mut beneath).await {
                    Ok(()) => number_all(&core, left, &mut beneath, &numbered).into_iter().peekable(),
                    Err(error) => {
                        left.into_iter().for_each(|batch| drop(batch.reply.send(Err(error.clone()))));
                        Vec::new().into_iter().peekable()
                    }
                };
            }
        }
    };
    core.stop.run_until_cancelled(work).await;
}

fn unnumbered(Waiting { mut batch, reply }: Waiting) -> Unnumbered {
    let checks = std::mem::take(&mut batch.checks);
    Unnumbered { checks, ops: ops_of(batch), reply }
}

/// Reads the values beneath the keys of the batches that neither the backlog knows nor `beneath` has.
async fn read_beneath(
    core: &Core,
    reads: &Reads,
    batches: &[Unnumbered],
    beneath: &mut Beneath,
) -> Result<(), EngineError> {
    let keys = batches.iter().flat_map(|batch| {
        let checked = batch.checks.iter().map(|(key, _)| key.as_slice());
        checked.chain(batch.ops.iter().map(|op| op.key.as_ref()))
    });
    let unknown = core.backlog.unknown(keys.filter(|key| !beneath.values.contains_key(*key)));
    if unknown.is_empty() {
        return Ok(());
    }
    // What was numbered meanwhile is newer than what is read now, and stays.
    let reading = core.hurry.run_until_cancelled(reads.get(core, unknown));
    let mut found = reading.await.unwrap_or(Err(EngineError::Closed))?;
    found.append(&mut beneath.values);
    beneath.values = found;
    Ok(())
}

/// Numbers the batches up to one whose keys are not all known; returns it and those after it.
fn number_all(
    core: &Core,
    batches: Vec<Unnumbered>,
    beneath: &mut Beneath,
    numbered: &UnboundedSender<Ready>,
) -> Vec<Unnumbered> {
    let mut batches = batches.into_iter();
    while let Some(batch) = batches.next() {
        let outcome = match core.may_number() {
            Ok(()) => core.backlog.number(&batch.checks, &batch.ops, beneath),
            Err(error) => Numbered::Refused(error),
        };
        match outcome {
            Numbered::As(number) => {
                // The writer is there as long as this task, or the store stops.
                let _ = numbered.send(Ready { number, ops: batch.ops, reply: batch.reply });
            }
            Numbered::Refused(error) => drop(batch.reply.send(Err(error))),
            Numbered::Unread => return [batch].into_iter().chain(batches).collect(),
        }
    }
    Vec::new()
}
