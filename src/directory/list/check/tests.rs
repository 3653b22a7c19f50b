//! Checks numbers in place of members. The functions that match add the steps that each number takes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::*;
use crate::model::{IdKey, RawRegex, Sealer};

fn filter(pattern: Option<&str>) -> Filter {
    let key = Some("name".to_owned());
    let raw = match pattern {
        Some(pattern) => {
            let regex = RawRegex { pattern: pattern.to_owned(), case_insensitive: false };
            RawFilter { key, regex: Some(regex), ..RawFilter::default() }
        }
        None => RawFilter { key, prefix: Some("a".to_owned()), ..RawFilter::default() },
    };
    let sealer = Sealer::new(IdKey([7; 16]));
    Filter::parse_bases(vec![raw], &sealer).unwrap().filter
}

fn is_even(_: &Filter, number: &u64, effort: &mut Effort) -> bool {
    effort.add(1_000_000);
    number.is_multiple_of(2)
}

#[tokio::test]
async fn a_page_that_took_what_it_may_ends_wherever_it_is_evaluated() {
    for pattern in [None, Some("a+")] {
        let filter = filter(pattern);
        let mut check = Check::within(10_000_000, &filter);
        assert_eq!(check.may_wait(), pattern.is_some());
        let checked = check.check((0..4).collect(), is_even).await;
        assert_eq!(checked.items, [(0, true), (1, false), (2, true), (3, false)]);
        assert!(!checked.is_over);
        // Each takes a little more than a million steps, so the tenth reaches the limit.
        let checked = check.check((4..100).collect(), is_even).await;
        assert!(checked.is_over);
        let numbers: Vec<u64> = checked.items.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (4..10).collect::<Vec<_>>());
        // Even a page with a limit of one step checks one.
        let one = Check::within(1, &filter).check((10..100).collect(), is_even).await;
        assert_eq!((one.items, one.is_over), (vec![(10, true)], true));
    }
}

/// The runtime has one thread, and the evaluation does not continue before the other task has had its turn.
#[tokio::test]
async fn others_are_served_in_the_middle_of_an_evaluation() {
    let filter = filter(Some("a+"));
    let (serve, served) = mpsc::channel();
    let served = Arc::new(std::sync::Mutex::new(served));
    let other = tokio::spawn(async move {
        for _ in 0..20 {
            serve.send(()).unwrap();
            tokio::task::yield_now().await;
        }
    });
    let mut check = Check::new(&filter);
    let wait = move |_: &Filter, _: &u64, _: &mut Effort| served.lock().unwrap().recv().is_ok();
    let checked = check.check((0..20).collect(), wait).await;
    assert_eq!(checked.items.iter().filter(|(_, waited)| *waited).count(), 20);
    other.await.unwrap();
}

#[tokio::test]
async fn an_evaluation_whose_caller_has_gone_stops_in_the_piece_at_hand() {
    let filter = filter(Some("a+"));
    let looked_at = Arc::new(AtomicU64::new(0));
    let (begin, begun) = oneshot::channel();
    let (go, gone) = mpsc::channel::<()>();
    let (end, ended) = oneshot::channel();
    let begin = Arc::new(std::sync::Mutex::new((Some(begin), Some(gone), Some(end))));
    let looking = Arc::clone(&looked_at);
    let look = move |_: &Filter, _: &u64, effort: &mut Effort| {
        looking.fetch_add(1, Ordering::Relaxed);
        let mut ends = begin.lock().unwrap();
        if let (Some(begin), Some(gone)) = (ends.0.take(), ends.1.take()) {
            begin.send(()).unwrap();
            gone.recv().unwrap();
            assert!(effort.is_stopped());
            ends.2.take().unwrap().send(()).unwrap();
        }
        true
    };
    let mut check = Check::new(&filter);
    let mut call = Box::pin(async move { check.check((0..1_000).collect(), look).await });
    assert!((&mut call).now_or_never().is_none());
    begun.await.unwrap();
    drop(call);
    go.send(()).unwrap();
    ended.await.unwrap();
    // Nothing computes any more, not even the piece.
    let _all = compute::every_permit().await;
    assert_eq!(looked_at.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_evaluation_whose_caller_goes_while_it_waits_is_never_begun() {
    let filter = filter(Some("a+"));
    let all = compute::every_permit().await;
    let looked_at = Arc::new(AtomicU64::new(0));
    let looking = Arc::clone(&looked_at);
    let look = move |_: &Filter, _: &u64, _: &mut Effort| looking.fetch_add(1, Ordering::Relaxed) == 0;
    let mut check = Check::new(&filter);
    let mut call = Box::pin(check.check((0..10).collect(), look));
    assert!((&mut call).now_or_never().is_none());
    drop(call);
    drop(all);
    let _all = compute::every_permit().await;
    assert_eq!(looked_at.load(Ordering::Relaxed), 0);
}
