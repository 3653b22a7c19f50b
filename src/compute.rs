//! Where everything computes that can take more than a few milliseconds, so that it holds no thread that serves others.
//!
//! - **As many pieces of work run at once as there are cores**, whoever asks; the others wait in the order in which they came.
//!   A caller that goes away while it waits leaves the queue, and its work is never begun.
//! - **Work that was begun is not stopped.** So a call that computes for long comes with one piece after another, each of a few
//!   milliseconds ([`run`]): between two of them others get their turn, deadlines are looked at, and a caller that has
//!   gone takes what is left of its work along.
//! - What has to be done within a poll, because a library calls it there, is done [`in_place`]: the thread first gives the other
//!   tasks that it serves to another one. Whoever can waits for a [`permit`] before, and has it until the work is done.
//!   **Nobody waits for anything else while he has a permit**, or all of them could wait for each other.
//! - A panic of the work is the caller's, who alone waits for it.
//!
//! Small work never comes here: a single call would pay more for the change of threads than for the work. What depends on
//! the size of a message or body counts as small below [`LARGE_BYTES`].
//!
//! Any layer may use this one, which uses none.

use std::panic::resume_unwind;
use std::sync::{Arc, LazyLock};
use std::thread;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// From this size on, in bytes, a message or a body is decoded, parsed and checked here.
pub const LARGE_BYTES: usize = 64 * 1024;

/// The pool of the process: its cores are shared by everything in it.
static POOL: LazyLock<Pool> =
    LazyLock::new(|| Pool::new(thread::available_parallelism().map_or(1, usize::from)));

/// Does one piece of work beside the threads that serve others, once it is its turn.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    POOL.run(work).await
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
mod tests {
    use std::panic::AssertUnwindSafe;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    /// Work that says that it has begun and goes on when it is told so; and who is told and who tells.
    fn waiting_work() -> (impl FnOnce() + Send, oneshot::Receiver<()>, mpsc::Sender<()>) {
        let (begin, begun) = oneshot::channel();
        let (go, gone) = mpsc::channel();
        let work = move || {
            begin.send(()).unwrap();
            gone.recv().unwrap();
        };
        (work, begun, go)
    }

    #[tokio::test]
    async fn others_are_served_while_work_runs_and_no_more_of_it_runs_than_there_are_permits() {
        let pool = Arc::new(Pool::new(1));
        let (work, begun, go) = waiting_work();
        let first = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(work).await }
        });
        // This runtime has one thread, and the work has not ended.
        begun.await.unwrap();
        let mut second = Box::pin(pool.run(|| 2));
        for _ in 0..100 {
            assert!(second.as_mut().now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        go.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(second.await, 2);
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_leaves_the_queue_and_the_others_keep_their_order() {
        let pool = Pool::new(1);
        let begun = Arc::new(AtomicUsize::new(0));
        let count = || {
            let begun = Arc::clone(&begun);
            move || begun.fetch_add(1, Ordering::Relaxed)
        };
        let held = pool.permit().await;
        let (mut gone, mut first, mut second) =
            (Box::pin(pool.run(count())), Box::pin(pool.run(count())), Box::pin(pool.run(count())));
        assert!(gone.as_mut().now_or_never().is_none());
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        drop(gone);
        drop(held);
        assert_eq!(tokio::join!(second, first), (1, 0));
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_from_running_work_leaves_its_permit_with_the_work() {
        let pool = Pool::new(1);
        let (work, begun, go) = waiting_work();
        let mut running = Box::pin(pool.run(work));
        assert!(running.as_mut().now_or_never().is_none());
        begun.await.unwrap();
        drop(running);
        let mut next = Box::pin(pool.run(|| 2));
        assert!(next.as_mut().now_or_never().is_none());
        go.send(()).unwrap();
        assert_eq!(next.await, 2);
    }

    #[tokio::test]
    async fn a_panic_is_the_callers_and_leaves_the_permit_to_others() {
        let pool = Pool::new(1);
        let panic = AssertUnwindSafe(pool.run(|| panic!("for the caller"))).catch_unwind().await.unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"for the caller"));
        assert_eq!(pool.run(|| 2).await, 2);
    }

    #[test]
    fn work_in_place_leaves_the_other_tasks_of_its_thread_to_another() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let served = runtime.block_on(async {
            tokio::spawn(async {
                let (ask, asked) = mpsc::channel();
                tokio::spawn(async move { ask.send(7).unwrap() });
                // The only worker is here, and the other task waits for a worker.
                in_place(|| asked.recv().unwrap())
            })
            .await
        });
        assert_eq!(served.unwrap(), 7);
    }

    #[tokio::test]
    async fn where_there_is_but_one_thread_work_in_place_is_done_on_it() {
        assert_eq!(in_place(|| 3), 3);
        assert_eq!(thread::spawn(|| in_place(|| 4)).join().unwrap(), 4);
    }

    #[tokio::test]
    async fn the_pool_of_the_process_does_work_for_all() {
        drop(permit().await);
        let all = every_permit().await;
        let mut work = Box::pin(run(|| 5));
        assert!(work.as_mut().now_or_never().is_none());
        drop(all);
        assert_eq!(work.await, 5);
    }
}
