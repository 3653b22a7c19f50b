//! What waits to be read.
//!
//! A statement costs the database much more than a key in it. So while one is out, lookups wait until it
//! comes back, or enough of them wait for another, but never for longer than [`GATHER_FOR`]: one connection
//! that hangs holds up nobody else.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use super::page::{Page, Span};
use crate::engine::lock::lock;
use crate::engine::postgres::backlog::Read;
use crate::engine::postgres::core::Core;
use crate::engine::{EngineError, Key};

/// The most keys in one statement.
const MAX_KEYS: usize = 1000;
/// As many lookups wait for each statement that is out before another one is sent.
const GATHER: usize = 16;
const GATHER_FOR: Duration = Duration::from_millis(2);

/// A queue of reads.
#[derive(Debug, Default)]
pub(in crate::engine::postgres) struct Reads {
    state: Mutex<State>,
    more: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Since when each waits.
    waiting: VecDeque<(Instant, Want)>,
    /// Statements with lookups that are out.
    out: usize,
}

/// One read, whose answer somebody waits for.
#[derive(Debug)]
pub(super) enum Want {
    Get { keys: Vec<Key>, reply: Reply<Read> },
    Page { span: Span, reply: Reply<Page> },
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, EngineError>>;

impl Reads {
    /// The values of `keys` in the tables.
    pub(in crate::engine::postgres) async fn get(
        &self,
        core: &Core,
        keys: Vec<Key>,
    ) -> Result<Read, EngineError> {
        let mut read = Read::new();
        for keys in keys.chunks(MAX_KEYS) {
            let want = |reply| Want::Get { keys: keys.to_vec(), reply };
            read.append(&mut self.ask(core, want).await?);
        }
        Ok(read)
    }

    /// A page of the table.
    pub(in crate::engine::postgres) async fn page(
        &self,
        core: &Core,
        span: Span,
    ) -> Result<Page, EngineError> {
        self.ask(core, |reply| Want::Page { span, reply }).await
    }

    async fn ask<T>(&self, core: &Core, want: impl FnOnce(Reply<T>) -> Want) -> Result<T, EngineError> {
        let (reply, mut answer) = oneshot::channel();
        self.change(|state| state.waiting.push_back((Instant::now(), want(reply))));
        let answered = match tokio::time::timeout(GATHER_FOR, &mut answer).await {
            Ok(answered) => Ok(answered),
            Err(_) => {
                // If it still waits, it is due now.
                self.change(|_| ());
                tokio::time::timeout(core.config.statement_within, answer).await
            }
        };
        match answered {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(EngineError::Closed),
            Err(_) => Err(EngineError::Io("the database did not answer in time".to_owned())),
        }
    }

    /// Changes the state, and wakes a reader if there is something for it then.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = lock(&self.state);
        let changed = change(&mut state);
        let is_due = state.is_due();
        drop(state);
        if is_due {
            self.more.notify_one();
        }
        changed
    }

    /// Waits for something to read: lookups that fit one statement, or one page.
    pub(super) async fn take(&self) -> Taken<'_> {
        loop {
            let (wants, is_lookups) = self.change(State::take);
            if !wants.is_empty() {
                return Taken { wants, out: is_lookups.then(|| Out(self)) };
            }
            self.more.notified().await;
        }
    }
}

/// What one statement reads.
pub(super) struct Taken<'a> {
    pub(super) wants: Vec<Want>,
    /// Keep it until the statement is done with.
    pub(super) out: Option<Out<'a>>,
}

/// A statement with lookups that is out.
pub(super) struct Out<'a>(&'a Reads);

impl Drop for Out<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.out -= 1);
    }
}

impl State {
    /// Whether a reader should take something now.
    fn is_due(&self) -> bool {
        match self.waiting.front() {
            None => false,
            Some((_, Want::Page { .. })) => true,
            Some((since, Want::Get { .. })) => {
                self.waiting.len() >= self.out.saturating_mul(GATHER) || since.elapsed() >= GATHER_FOR
            }
        }
    }

    /// What one statement reads, and whether it is lookups; nothing if it is not due.
    fn take(&mut self) -> (Vec<Want>, bool) {
        let (mut taken, mut keys) = (Vec::new(), 0);
        if !self.is_due() {
            return (taken, false);
        }
        while let Some((_, want)) = self.waiting.front() {
            match want {
                Want::Page { .. } if !taken.is_empty() => break,
                Want::Page { .. } => keys = MAX_KEYS,
                Want::Get { keys: more, .. } => keys += more.len(),
            }
            if keys > MAX_KEYS && !taken.is_empty() {
                break;
            }
            taken.extend(self.waiting.pop_front().map(|(_, want)| want));
            if keys >= MAX_KEYS {
                break;
            }
        }
        let is_lookups = matches!(taken.first(), Some(Want::Get { .. }));
        self.out += usize::from(is_lookups);
        (taken, is_lookups)
    }
}

impl Want {
    /// Whether nobody waits any more.
    pub(super) fn is_given_up(&self) -> bool {
        match self {
            Self::Get { reply, .. } => reply.is_closed(),
            Self::Page { reply, .. } => reply.is_closed(),
        }
    }

    pub(super) fn fail(self, error: EngineError) {
        match self {
            Self::Get { reply, .. } => drop(reply.send(Err(error))),
            Self::Page { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Direction;

    type Answer = oneshot::Receiver<Result<Read, EngineError>>;

    /// A lookup that has waited since then.
    fn get_since(reads: &Reads, since: Instant) -> Answer {
        let (reply, answer) = oneshot::channel();
        let keys = vec![b"k".to_vec()];
        reads.change(|state| state.waiting.push_back((since, Want::Get { keys, reply })));
        answer
    }

    /// A lookup that is not late before the test has ended.
    fn get(reads: &Reads) -> Answer {
        get_since(reads, Instant::now() + Duration::from_secs(3_600))
    }

    /// How many reads a reader takes now, and what it holds meanwhile.
    fn taken(reads: &Reads) -> (usize, Option<Out<'_>>) {
        let (wants, is_lookups) = reads.change(State::take);
        (wants.len(), is_lookups.then(|| Out(reads)))
    }

    #[test]
    fn lookups_wait_for_the_statement_that_is_out_until_there_are_many_or_one_is_late() {
        let reads = Reads::default();
        let mut answers = vec![get(&reads)];
        let (count, first) = taken(&reads);
        assert_eq!(count, 1, "the first one waits for nobody");
        answers.extend((1..GATHER).map(|_| get(&reads)));
        assert_eq!(taken(&reads).0, 0);
        answers.push(get(&reads));
        let (count, second) = taken(&reads);
        assert_eq!(count, GATHER);
        answers.extend((0..GATHER).map(|_| get(&reads)));
        assert_eq!(taken(&reads).0, 0, "for each that is out");
        drop(first);
        let (count, third) = taken(&reads);
        assert_eq!(count, GATHER);
        answers.push(get(&reads));
        assert_eq!(taken(&reads).0, 0);
        reads.change(|state| state.waiting.clear());
        answers.push(get_since(&reads, Instant::now().checked_sub(GATHER_FOR).unwrap()));
        let (count, late) = taken(&reads);
        assert_eq!(count, 1);
        answers.push(get(&reads));
        assert_eq!(taken(&reads).0, 0, "only what has waited for long enough is late");
        drop((second, third, late));
        assert_eq!(taken(&reads).0, 1);
        drop(answers);
    }

    #[test]
    fn a_page_waits_for_no_lookups_and_holds_none_up() {
        let reads = Reads::default();
        let page = || {
            let (reply, answer) = oneshot::channel();
            let span = Span { start: Vec::new(), end: None, direction: Direction::Forward, rows: 1 };
            reads.change(|state| state.waiting.push_back((Instant::now(), Want::Page { span, reply })));
            answer
        };
        let _answers = (page(), page(), get(&reads));
        for _ in 0..2 {
            let (count, out) = taken(&reads);
            assert!(count == 1 && out.is_none());
        }
        let (count, _out) = taken(&reads);
        assert_eq!(count, 1);
        let _answer = page();
        assert_eq!(taken(&reads).0, 1);
    }
}
