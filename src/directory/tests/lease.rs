//! The service over one memberbase that this process has on lease.

use std::sync::Arc;

use futures_util::FutureExt;

use super::row;
use crate::directory::{BaseList, Error, Gate, RawPage, Upsert};
use crate::engine::memory::MemoryEngine;
use crate::model::origin::Door;
use crate::model::token::AccessLevel;
use crate::model::{Timestamp, UpsertOptions, samples};
use crate::table::{Clock, Table, TableConfig, WriteMode};

fn is_refused<T>(answer: Result<T, Error>) -> bool {
    matches!(answer.err(), Some(Error::StorageUnavailable { .. }))
}

#[tokio::test]
async fn a_service_over_one_lease_serves_its_members_and_nothing_of_the_store() {
    let engine = MemoryEngine::new();
    let clock: Clock = Arc::new(|| Timestamp::from_micros(1_700_000_000_000_000));
    let owner = Table::open(Arc::new(engine.clone()), Arc::clone(&clock), TableConfig::default());
    let owner = owner.await.unwrap();
    let base = owner.create_base(samples::unguarded("Test"), None).await.unwrap().number;
    let other = owner.create_base(samples::unguarded("Other"), None).await.unwrap().number;
    let table = Table::open_leased(Arc::new(engine), clock, TableConfig::default(), base).await.unwrap();
    let gate = Gate::new(Arc::clone(&table), Door::Grpc);
    let caller = gate.enter(gate.owner(), AccessLevel::Admin).await.unwrap();
    let rows = (0..3).map(|n| Ok(row(n))).collect();
    let upsert = Upsert { rows, options: UpsertOptions::default(), mode: WriteMode::Partial, deadline: None };
    assert_eq!(caller.bulk_upsert(base, upsert).await.unwrap().outcomes.len(), 3);
    assert_eq!(caller.get_base(base).await.unwrap().revision, 1);
    assert!(table.until_unfit().now_or_never().is_none());
    assert!(is_refused(caller.get_base(other).await));
    assert!(table.until_unfit().now_or_never().is_some(), "the owner is to have it back");
    assert!(is_refused(caller.list_bases(BaseList::default()).await));
    assert!(is_refused(caller.list_tokens(RawPage::default()).await));
    assert!(is_refused(caller.list_jobs(base, &[], None, None).await));
    assert!(is_refused(caller.store_state().await));
}
