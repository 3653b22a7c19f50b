//! If a task of a base panics, the process ends with a reason, because the base could not serve any more
//! calls.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::tasks::tests::{assert_died, last_words};

#[test]
fn a_lane_that_panics_ends_the_process() {
    let output = last_words("table::tests::panics::a_lane_that_panics_ends_the_process", || {
        block_on(async {
            let has_stopped = Arc::new(AtomicBool::new(false));
            let stopped = Arc::clone(&has_stopped);
            let clock: Clock = Arc::new(move || {
                assert!(!stopped.load(Ordering::Relaxed), "the clock stopped");
                Timestamp::from_micros(1)
            });
            let engine = Arc::new(MemoryEngine::new());
            let table = Table::open(engine, clock, TableConfig::default()).await.unwrap();
            let settings = crate::model::samples::unguarded("test");
            let number = table.create_base(settings, None).await.unwrap().number;
            let base = table.base(number).await.unwrap();
            has_stopped.store(true, Ordering::Relaxed);
            let (rows, options) = (vec![Ok(plain_row(1))], UpsertOptions::default());
            let mode = WriteMode::Partial;
            let origin = Origin::default();
            let request = UpsertRequest { rows, options, mode, claim: None, deadline: None, origin };
            base.upsert(request).await.unwrap();
        });
    });
    assert_died(&output, "lane", "the clock stopped");
}
