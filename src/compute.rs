//! Where everything computes that can take more than a few milliseconds, so that it holds no thread that
//! serves others.
//!
//! - **As many pieces of work run at once as there are cores**, whoever asks; the others wait in the order in
//!   which they came. A caller that goes away while it waits leaves the queue, and its work is never begun.
//! - **Work that was begun is not stopped.** So a call that computes for long comes with one piece after
//!   another, each of a few milliseconds ([`run`]): between two of them others get their turn, deadlines are
//!   looked at, and a caller that has gone takes what is left of its work along.
//! - **Work of middle size stays on its thread** ([`Size::Middle`]): it takes its turn like the rest, and no
//!   longer than a few milliseconds. What a thousand rows become is then in the cache of the core that goes on
//!   with them; another thread would take a quarter longer for the same work.
//! - What has to be done within a poll, because a library calls it there, is done [`in_place`]: the thread
//!   first gives the other tasks that it serves to another one. Whoever can waits for a [`permit`] before,
//!   and has it until the work is done. **Nobody waits for anything else while he has a permit**, or all of
//!   them could wait for each other.
//! - A task that computes a little again and again lets others go first now and then ([`Stretch`]).
//! - A panic of the work is the caller's, who alone waits for it.
//!
//! Small work never waits: a single call would pay more for its turn than for the work.
//!
//! Any layer may use this one, which uses none.

use std::panic::resume_unwind;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

mod stretch;

pub use self::stretch::Stretch;

/// From this size on, in bytes, a message or a body is decoded, parsed and checked when it is its turn.
pub const LARGE_BYTES: usize = 64 * 1024;
/// From this size on, in bytes, that is done beside the threads that serve others: it takes two milliseconds.
pub const BESIDE_BYTES: usize = 512 * 1024;
/// What a message or a body becomes is usually no larger than so many times its bytes.
const USUAL_GROWTH: usize = 8;
/// Items of a long list that are worked on at once: about a millisecond.
pub const PIECE_ITEMS: usize = 512;
/// With more items a list is worked on beside the threads that serve others.
const BESIDE_ITEMS: usize = 4 * PIECE_ITEMS;
/// Items between two looks at the clock.
const GLANCE_ITEMS: usize = 32;
/// After so long a piece of a long list ends. This decides who computes next, and never what comes out.
const PIECE_TIME: Duration = Duration::from_millis(2);

/// The pool of the process: its cores are shared by everything in it.
static POOL: LazyLock<Pool> =
    LazyLock::new(|| Pool::new(thread::available_parallelism().map_or(1, usize::from)));

/// Does one piece of work beside the threads that serve others, once it is its turn.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    POOL.run(work).await
}

/// How much work something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Size {
    /// It is done at once.
    Small,
    /// It takes up to a few milliseconds. It is done on the thread of its caller, when it is its turn.
    Middle,
    /// It is done beside the threads that serve others, when it is its turn.
    Large,
}

impl Size {
    /// The work with a message or a body of so many bytes.
    pub fn of_bytes(bytes: usize) -> Self {
        Self::between(bytes, LARGE_BYTES - 1, BESIDE_BYTES - 1)
    }

    /// The work with a message or a body of so many bytes that becomes so many: a short one with many small parts is as much
    /// work as a long one.
    pub fn of_message(bytes: usize, becomes: usize) -> Self {
        Self::of_bytes(bytes.max(becomes / USUAL_GROWTH))
    }

    /// The work with a list of so many items.
    pub fn of_items(items: usize) -> Self {
        Self::between(items, PIECE_ITEMS, BESIDE_ITEMS)
    }

    /// Small work, unless it `is_large`.
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

/// Does work here and now; if it is not small, once it is its turn; and if it is large, [`in_place`].
pub async fn here<T>(size: Size, work: impl FnOnce() -> T) -> T {
    if size == Size::Small {
        return work();
    }
    let _permit = permit().await;
    if size == Size::Large { in_place(work) } else { work() }
}

/// Does `step` with every item, in order, and returns the state after the last one. Work that is not small is
/// done in pieces of a few milliseconds, each when it is its turn.
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

/// What is left of a list.
struct Piece<T, S, F> {
    items: std::vec::IntoIter<T>,
    state: S,
    step: F,
}

impl<T, S, F: FnMut(&mut S, T)> Piece<T, S, F> {
    fn is_left(&self) -> bool {
        self.items.len() > 0
    }

    /// Does so much as takes [`PIECE_TIME`].
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

    /// Does the rest.
    fn finish(&mut self) {
        for item in self.items.by_ref() {
            (self.step)(&mut self.state, item);
        }
    }
}

/// The right to do one piece of work [`in_place`], once it is its turn. It is given back when it is dropped.
pub async fn permit() -> Permit {
    POOL.permit().await
}

/// Does work here and now, after the tasks that this thread serves besides were given to another thread.
pub fn in_place<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        // There is no other thread.
        Ok(RuntimeFlavor::CurrentThread) | Err(_) => work(),
        Ok(_) => tokio::task::block_in_place(work),
    }
}

/// All permits of the process, so that nothing else computes.
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
        // It fails only if the semaphore was closed, which nobody does.
        Permit { _one: Arc::clone(&self.permits).acquire_owned().await.ok() }
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let permit = self.permit().await;
        let worked = tokio::task::spawn_blocking(move || {
            let done = work();
            // Here, and not with the caller, who may have gone while this still runs.
            drop(permit);
            done
        });
        match worked.await {
            Ok(done) => done,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // Nobody cancels it, so the runtime is being taken down, and the caller with it.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

#[cfg(test)]
mod tests;
