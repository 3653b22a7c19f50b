//! Where everything computes that can take more than a few milliseconds, so that it holds no thread that
//! serves others.
//!
//! - **As many pieces of work run at once as there are cores**, whoever asks; the others wait in the order in
//!   which they came. A caller that goes away while it waits leaves the queue, and its work is never begun.
//! - **Work that was begun is not stopped.** So a call that computes for long comes with one piece after
//!   another, each of a few milliseconds ([`run`]): between two of them others get their turn, deadlines are
//!   looked at, and a caller that has gone takes what is left of its work along.
//! - What has to be done within a poll, because a library calls it there, is done [`in_place`]: the thread
//!   first gives the other tasks that it serves to another one. Whoever can waits for a [`permit`] before,
//!   and has it until the work is done. **Nobody waits for anything else while he has a permit**, or all of
//!   them could wait for each other.
//! - A panic of the work is the caller's, who alone waits for it.
//!
//! Small work never comes here: a single call would pay more for the change of threads than for the work.
//! What depends on the size of a message or body counts as small below [`LARGE_BYTES`].
//!
//! Any layer may use this one, which uses none.

use std::panic::resume_unwind;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// From this size on, in bytes, a message or a body is decoded, parsed and checked here.
pub const LARGE_BYTES: usize = 64 * 1024;
/// Items of a long list that are worked on together: about a millisecond.
pub const PIECE_ITEMS: usize = 512;
/// After so long a piece of a long list ends. This decides who computes next, and never what comes out.
const PIECE_TIME: Duration = Duration::from_millis(2);

/// The pool of the process: its cores are shared by everything in it.
static POOL: LazyLock<Pool> =
    LazyLock::new(|| Pool::new(thread::available_parallelism().map_or(1, usize::from)));

/// Does one piece of work beside the threads that serve others, once it is its turn.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    POOL.run(work).await
}

/// Does work here and now; if it `is_large`, once it is its turn and [`in_place`].
pub async fn here<T>(is_large: bool, work: impl FnOnce() -> T) -> T {
    if !is_large {
        return work();
    }
    let _permit = permit().await;
    in_place(work)
}

/// Does `step` with every item, in order, and returns the state after the last one. If that `is_large` work,
/// it is done beside the threads that serve others, in pieces of up to [`PIECE_ITEMS`] one after another; if
/// not, all of it is done here and now.
pub async fn fold<T: Send + 'static, S: Send + 'static>(
    items: Vec<T>,
    is_large: bool,
    mut state: S,
    mut step: impl FnMut(&mut S, T) + Send + 'static,
) -> S {
    let mut items = items.into_iter();
    if !is_large {
        items.for_each(|item| step(&mut state, item));
        return state;
    }
    while items.len() > 0 {
        (items, state, step) = run(move || {
            let began = Instant::now();
            for item in items.by_ref().take(PIECE_ITEMS) {
                step(&mut state, item);
                if began.elapsed() >= PIECE_TIME {
                    break;
                }
            }
            (items, state, step)
        })
        .await;
    }
    state
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
