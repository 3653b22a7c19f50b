//! Runs work that can take more than a few milliseconds, so that it blocks no thread that serves others.
//!
//! - **At most as many pieces of work run at once as there are cores**, for all callers together. The others
//!   wait in the order in which they were requested. If a caller goes away while it waits, its work leaves
//!   the queue and never starts.
//! - **Work that has started is not stopped.** So a call that computes for long submits one piece after
//!   another, each of a few milliseconds ([`run`]). Between two pieces others get their turn and deadlines
//!   are checked, and if the caller goes away, the remaining pieces never start.
//! - Work of seconds that cannot be cut into pieces runs [`long`]: one piece at a time, beside all others.
//! - **Work of middle size stays on its thread** ([`Size::Middle`]): it waits for its turn like the rest, and
//!   takes no longer than a few milliseconds. Its results are then in the cache of the core that continues
//!   with them; for a thousand rows, another thread would take a quarter longer.
//! - Work that has to run within a poll, because a library calls it there, runs [`in_place`]: the thread
//!   first hands its other tasks to another thread. If the caller can wait before that poll, it waits for a
//!   [`permit`] and holds it until the work is done. **A caller that holds a permit must not wait for
//!   anything else**; otherwise all holders could wait for each other.
//! - A task that repeatedly computes a little lets others go first now and then ([`Stretch`]).
//! - A panic of the work reaches its caller.
//!
//! Small work never waits, because its turn would cost a single call more than the work does.
//!
//! Any layer may use this module, and it uses none.

use std::panic::resume_unwind;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Span;

mod stretch;

pub use self::stretch::Stretch;

/// From this size on, in bytes, decoding, parsing and checking a message or a body waits for its turn.
pub const LARGE_BYTES: usize = 64 * 1024;
/// From this size on, in bytes, this work takes two milliseconds, so it runs outside the threads that serve
/// others.
pub const BESIDE_BYTES: usize = 512 * 1024;
/// Decoding usually makes a message or a body at most this many times larger.
const USUAL_GROWTH: usize = 8;
/// Up to this many items of a list are processed at once, which takes about a millisecond.
pub const PIECE_ITEMS: usize = 512;
/// A list with more items is processed outside the threads that serve others.
const BESIDE_ITEMS: usize = 4 * PIECE_ITEMS;
/// The number of items between two looks at the clock.
const GLANCE_ITEMS: usize = 32;
/// A piece of a long list ends after this time. It affects only the order of work, never its results.
const PIECE_TIME: Duration = Duration::from_millis(2);

/// The pool of the process, whose cores all its work shares.
static POOL: LazyLock<Pool> =
    LazyLock::new(|| Pool::new(thread::available_parallelism().map_or(1, usize::from)));

/// Runs work of seconds, one piece at a time for all callers together.
static LONG: LazyLock<Pool> = LazyLock::new(|| Pool::new(1));

/// Runs work that may take seconds and much memory, such as reading a workbook, outside the threads that
/// serve others, when it is its turn. It keeps no other work waiting.
pub async fn long<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    LONG.run(work).await
}

/// Runs one piece of work outside the threads that serve others, when it is its turn.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    POOL.run(work).await
}

/// How large a piece of work is, which decides where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Size {
    /// The work runs at once.
    Small,
    /// The work takes up to a few milliseconds. It runs on the thread of its caller, when it is its turn.
    Middle,
    /// The work runs outside the threads that serve others, when it is its turn.
    Large,
}

impl Size {
    /// The size of the work on a message or a body of this many bytes.
    pub fn of_bytes(bytes: usize) -> Self {
        Self::between(bytes, LARGE_BYTES - 1, BESIDE_BYTES - 1)
    }

    /// The size of the work on a message or a body of `bytes` that takes `becomes` bytes once decoded. A
    /// short message with many small parts is as much work as a long one.
    pub fn of_message(bytes: usize, becomes: usize) -> Self {
        Self::of_bytes(bytes.max(becomes / USUAL_GROWTH))
    }

    /// The size of the work on a list of this many items.
    pub fn of_items(items: usize) -> Self {
        Self::between(items, PIECE_ITEMS, BESIDE_ITEMS)
    }

    /// Large if `is_large`, otherwise small.
    pub fn large_if(is_large: bool) -> Self {
        if is_large { Self::Large } else { Self::Small }
    }

    fn between(count: usize, small: usize, middle: usize) -> Self {
        match count {
            _ if count <= small => Self::Small,
            _ if count <= middle => Self::Middle,
            _ => Self::Large,
        }
    }
}

/// Runs work on this thread. Work that is not small waits for its turn; large work runs [`in_place`].
pub async fn here<T>(size: Size, work: impl FnOnce() -> T) -> T {
    if size == Size::Small {
        return work();
    }
    let _permit = permit().await;
    if size == Size::Large { in_place(work) } else { work() }
}

/// Calls `step` with every item, in order, and returns the state after the last one. Work that is not small
/// runs in pieces of a few milliseconds, each when it is its turn.
pub async fn fold<T: Send + 'static, S: Send + 'static>(
    items: Vec<T>,
    size: Size,
    state: S,
    step: impl FnMut(&mut S, T) + Send + 'static,
) -> S {
    let mut piece = Piece { items: items.into_iter(), state, step };
    match size {
        Size::Small => piece.finish(),
        Size::Middle => {
            while piece.is_left() {
                let permit = permit().await;
                piece.work();
                drop(permit);
                if piece.is_left() {
                    tokio::task::yield_now().await;
                }
            }
        }
        Size::Large => {
            while piece.is_left() {
                piece = run(move || {
                    piece.work();
                    piece
                })
                .await;
            }
        }
    }
    piece.state
}

/// The rest of a list, and the state so far.
struct Piece<T, S, F> {
    items: std::vec::IntoIter<T>,
    state: S,
    step: F,
}

impl<T, S, F: FnMut(&mut S, T)> Piece<T, S, F> {
    fn is_left(&self) -> bool {
        self.items.len() > 0
    }

    /// Processes items for [`PIECE_TIME`], or until none is left.
    fn work(&mut self) {
        let began = Instant::now();
        while self.is_left() {
            for item in self.items.by_ref().take(GLANCE_ITEMS) {
                (self.step)(&mut self.state, item);
            }
            if began.elapsed() >= PIECE_TIME {
                return;
            }
        }
    }

    /// Processes all remaining items.
    fn finish(&mut self) {
        for item in self.items.by_ref() {
            (self.step)(&mut self.state, item);
        }
    }
}

/// Waits for the right to run one piece of work [`in_place`]. Dropping the permit returns it.
pub async fn permit() -> Permit {
    POOL.permit().await
}

/// Runs work on this thread, which first hands its other tasks to another thread.
pub fn in_place<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        // There is no other thread.
        Ok(RuntimeFlavor::CurrentThread) | Err(_) => work(),
        Ok(_) => tokio::task::block_in_place(work),
    }
}

/// Takes all permits of the process, so that no other work runs.
#[cfg(test)]
pub async fn every_permit() -> OwnedSemaphorePermit {
    let all = thread::available_parallelism().map_or(1, usize::from);
    Arc::clone(&POOL.permits).acquire_many_owned(u32::try_from(all).unwrap()).await.unwrap()
}

/// The right to compute.
#[derive(Debug)]
pub struct Permit {
    _one: Option<OwnedSemaphorePermit>,
}

struct Pool {
    permits: Arc<Semaphore>,
}

impl Pool {
    fn new(permits: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(permits)) }
    }

    async fn permit(&self) -> Permit {
        // This fails only if the semaphore is closed, which never happens.
        Permit { _one: Arc::clone(&self.permits).acquire_owned().await.ok() }
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let permit = self.permit().await;
        let span = Span::current();
        let worked = tokio::task::spawn_blocking(move || {
            let done = span.in_scope(work);
            // The work returns the permit itself, because its caller may have gone away while it runs.
            drop(permit);
            done
        });
        match worked.await {
            Ok(done) => done,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The task is never cancelled, so the runtime is shutting down, and the caller with it.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

#[cfg(test)]
mod tests;
