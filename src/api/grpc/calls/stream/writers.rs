//! Streams that follow each other: those of one writer, which goes on over another connection when one is
//! lost.
//!
//! - **Only the newest stream of a writer takes rows.** An older one hands in no further group from the
//!   moment at which the newer one begins, however late the network delivers its rows.
//! - **What the older one handed in is applied first.** The newer one waits until the older one has stopped,
//!   and continues its series.
//! - **Nothing is stored.** A writer is known as long as a stream, or a request of one, is there. A process
//!   that has ended takes its streams along, and a request that it had not written is never written.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use crate::directory::Series;
use crate::model::token::TokenId;
use crate::model::{BaseNumber, RequestId};

/// The writers that have streams. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Writers(Arc<Mutex<HashMap<Writer, Newest>>>);

/// Who writes: the name that a client gave, which counts for its token and its memberbase.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Writer {
    /// The memberbase.
    pub base: BaseNumber,
    /// The token of the caller, if callers need one.
    pub token: Option<TokenId>,
    /// The name.
    pub id: RequestId,
}

/// The newest stream of a writer.
#[derive(Debug)]
struct Newest {
    /// Held by the stream that takes rows.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Ends the stream.
    replaced: CancellationToken,
    series: Series,
}

/// The turn of a stream: until this is dropped, no newer stream of the writer takes rows.
#[derive(Debug)]
pub struct Turn {
    _held: OwnedMutexGuard<()>,
    /// Cancelled once a newer stream has begun.
    pub replaced: CancellationToken,
    /// The series that the requests of the stream belong to.
    pub series: Series,
}

impl Writers {
    /// Ends the older stream of a writer, and waits until it has stopped. `series` is that of the new one.
    pub async fn take_turn(&self, writer: Writer, series: &Series) -> Turn {
        let (turn, replaced, series) = self.replace(writer, series);
        Turn { _held: turn.lock_owned().await, replaced, series }
    }

    fn replace(
        &self,
        writer: Writer,
        series: &Series,
    ) -> (Arc<tokio::sync::Mutex<()>>, CancellationToken, Series) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        newest.retain(|_, newest| newest.series.is_shared());
        let replaced = CancellationToken::new();
        match newest.entry(writer) {
            Entry::Occupied(mut older) => {
                let older = older.get_mut();
                std::mem::replace(&mut older.replaced, replaced.clone()).cancel();
                (Arc::clone(&older.turn), replaced, series.after(&older.series))
            }
            Entry::Vacant(place) => {
                let turn = Arc::default();
                let own =
                    Newest { turn: Arc::clone(&turn), replaced: replaced.clone(), series: series.clone() };
                place.insert(own);
                (turn, replaced, series.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn writer(base: u32, id: &str) -> Writer {
        Writer { base: BaseNumber(base), token: None, id: RequestId::parse(id.to_owned()).unwrap() }
    }

    #[tokio::test]
    async fn a_stream_begins_once_all_older_ones_of_its_writer_have_stopped() {
        let writers = Writers::default();
        let own = Series::default();
        let first = writers.take_turn(writer(1, "w"), &Series::default()).await;
        let mut second = Box::pin(writers.take_turn(writer(1, "w"), &own));
        assert!(!first.replaced.is_cancelled());
        assert!(second.as_mut().now_or_never().is_none());
        assert!(first.replaced.is_cancelled());
        // The third replaces the second, which still waits, and both wait for the first.
        let mut third = Box::pin(writers.take_turn(writer(1, "w"), &own));
        assert!(third.as_mut().now_or_never().is_none());
        let series = first.series.clone();
        drop(first);
        let second = second.await;
        assert!(second.replaced.is_cancelled() && third.as_mut().now_or_never().is_none());
        drop(second);
        let third = third.await;
        assert!(!third.replaced.is_cancelled());
        assert_eq!(third.series, series);
    }

    #[tokio::test]
    async fn other_writers_and_memberbases_have_streams_of_their_own() {
        let writers = Writers::default();
        let one = writers.take_turn(writer(1, "w"), &Series::default()).await;
        for other in [writer(2, "w"), writer(1, "v")] {
            let turn = writers.take_turn(other, &Series::default()).now_or_never().unwrap();
            assert_ne!(turn.series, one.series);
        }
        assert!(!one.replaced.is_cancelled());
    }

    #[tokio::test]
    async fn a_writer_is_forgotten_once_nothing_of_it_is_there() {
        let writers = Writers::default();
        let turn = writers.take_turn(writer(1, "w"), &Series::default()).await;
        // A request of it may wait in the lane for longer than its stream.
        let request = turn.series.clone();
        drop(turn);
        drop(writers.take_turn(writer(1, "v"), &Series::default()).await);
        assert_eq!(writers.take_turn(writer(1, "w"), &Series::default()).await.series, request);
        drop(request);
        drop(writers.take_turn(writer(1, "x"), &Series::default()).await);
        assert_eq!(writers.0.lock().unwrap().len(), 1);
    }
}
