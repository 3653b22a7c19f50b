//! Which work waits, what happens when its caller goes away, and that other tasks are served meanwhile.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::*;

/// Work that reports that it has started and then waits; the receiver of that report; and the sender that
/// lets the work continue.
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
    // This runtime has one thread, which is free although the work has not ended.
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
async fn a_panic_reaches_the_caller_and_leaves_the_permit_to_others() {
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
async fn work_in_place_runs_on_the_only_thread_if_there_is_just_one() {
    assert_eq!(in_place(|| 3), 3);
    assert_eq!(thread::spawn(|| in_place(|| 4)).join().unwrap(), 4);
}

#[tokio::test]
async fn the_pool_of_the_process_limits_all_work() {
    drop(permit().await);
    let all = every_permit().await;
    let mut work = Box::pin(run(|| 5));
    assert!(work.as_mut().now_or_never().is_none());
    drop(all);
    assert_eq!(work.await, 5);
}

#[tokio::test]
async fn small_work_runs_at_once_and_larger_work_when_it_is_its_turn() {
    let all = every_permit().await;
    assert_eq!(here(Size::Small, || 1).await, 1);
    let sum = |sum: &mut u64, item: u64| *sum += item;
    assert_eq!(fold(vec![1, 2], Size::Small, 0, sum).await, 3);
    let mut waiting = Vec::new();
    for size in [Size::Middle, Size::Large] {
        let both = async move { here(size, || 2).await + fold((0..2_000).collect(), size, 0, sum).await };
        waiting.push(Box::pin(both));
        assert!(waiting.last_mut().unwrap().as_mut().now_or_never().is_none());
    }
    drop(all);
    for both in waiting {
        assert_eq!(both.await, 1_999_002);
    }
}

#[tokio::test]
async fn many_items_are_processed_in_pieces_and_none_is_begun_after_the_caller_has_gone() {
    let seen = Arc::new(AtomicUsize::new(0));
    let (begin, begun) = oneshot::channel();
    let (go, gone) = mpsc::channel::<()>();
    let mut begin = Some(begin);
    let count = Arc::clone(&seen);
    let step = move |_: &mut (), _: usize| {
        count.fetch_add(1, Ordering::Relaxed);
        if let Some(begin) = begin.take() {
            begin.send(()).unwrap();
            gone.recv().unwrap();
            // For as long as a piece may take.
            let began = Instant::now();
            while began.elapsed() < PIECE_TIME {
                std::hint::spin_loop();
            }
        }
    };
    let mut call = Box::pin(fold((0..3 * GLANCE_ITEMS).collect(), Size::Large, (), step));
    // The call may first have to wait for its turn.
    tokio::select! {
        () = call.as_mut() => panic!("the call ended before its work could continue"),
        begun = begun => begun.unwrap(),
    }
    drop(call);
    go.send(()).unwrap();
    // No work runs any more, not even the first piece.
    let _all = every_permit().await;
    assert_eq!(seen.load(Ordering::Relaxed), GLANCE_ITEMS);
}

#[test]
fn sizes_grow_with_bytes_and_items() {
    use Size::{Large, Middle, Small};
    let bytes = [0, LARGE_BYTES - 1, LARGE_BYTES, BESIDE_BYTES - 1, BESIDE_BYTES].map(Size::of_bytes);
    assert_eq!(bytes, [Small, Small, Middle, Middle, Large]);
    let items = [0, PIECE_ITEMS, PIECE_ITEMS + 1, 4 * PIECE_ITEMS, 4 * PIECE_ITEMS + 1].map(Size::of_items);
    assert_eq!(items, [Small, Small, Middle, Middle, Large]);
    assert_eq!([false, true].map(Size::large_if), [Small, Large]);
}

#[test]
fn a_short_message_that_decodes_to_much_is_as_much_work_as_a_long_one() {
    // One row; two thousand empty rows in 4 KiB; sixteen times as many.
    assert_eq!(Size::of_message(250, 900), Size::Small);
    assert_eq!(Size::of_message(4_096, 1_200_000), Size::Middle);
    assert_eq!(Size::of_message(65_000, 19_000_000), Size::Large);
    // A thousand ordinary rows.
    assert_eq!(Size::of_message(250_000, 900_000), Size::of_bytes(250_000));
}
