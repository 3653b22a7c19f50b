//! Damage to the stored results of requests.

use super::*;
use crate::model::Outcome;
use crate::stored::idempotency::key::{PartWidth, request, request_time};
use crate::stored::idempotency::{RequestResult, RowResult, Size, StoredResult, encode_rows};

fn at() -> Timestamp {
    Timestamp::from_micros(900)
}

fn stored(result: RequestResult, parts: u32) -> Vec<u8> {
    StoredResult { fingerprint: 1, at: at(), revision: Some(1), parts, width: PartWidth::Wide, result }
        .encode()
}

fn encode_size(bytes: u64, parts: u32) -> Vec<u8> {
    Size { bytes, parts, width: PartWidth::Wide }.encode()
}

/// Stores the results of two requests, one of them in three parts.
pub(super) async fn store_results(store: &Store) {
    store.set(request(1, 0), Some(stored(RequestResult::Member(Row(3), Outcome::Created), 0))).await;
    store.set(request_time(at(), 1), Some(encode_size(100, 0))).await;
    let row = RowResult { row: Some(Row(3)), outcome: Outcome::Unchanged, status_kept: false, error: None };
    let rows = encode_rows(&vec![row.clone(); 10]);
    let (first, second) = rows.split_at(rows.len() / 2 + 1);
    store
        .set(request(2, 0), Some(stored(RequestResult::Rows { rows: vec![row], is_complete: true }, 2)))
        .await;
    store.set(request(2, 1), Some(first.to_vec())).await;
    store.set(request(2, 2), Some(second.to_vec())).await;
    store.set(request_time(at(), 2), Some(encode_size(200, 2))).await;
}

#[tokio::test]
async fn results_and_times_of_requests_that_do_not_fit_are_found() {
    let store = Store::new().await;
    let time = hex(&request_time(at(), 2));
    found!(
        store.found_with(request_time(at(), 2), Some(encode_size(200, 1))).await,
        Damage::ResultMissing { key } if *key == time
    );
    found!(store.found_with(request(2, 1), None).await, Damage::ResultMissing { key } if *key == time);
    found!(
        store.found_with(request_time(at(), 3), Some(encode_size(9, 0))).await,
        Damage::ResultMissing { .. }
    );
    found!(store.found_with(request_time(at(), 1), None).await, Damage::ResultLost { .. });
    for lost in [request(1, 1), request(2, 3), request(3, 0), request(3, 1)] {
        let digits = hex(&lost);
        let value = stored(RequestResult::Done, 0);
        found!(store.found_with(lost, Some(value)).await, Damage::ResultLost { key } if *key == digits);
    }
    for stranger in [vec![5], vec![5; 20], vec![5; 22], vec![6, 1], [request_time(at(), 1), vec![0]].concat()]
    {
        let digits = hex(&stranger);
        found!(store.found_with(stranger, Some(vec![1, 0, 0])).await, Damage::UnknownKey { key } if *key == digits);
    }
    found!(store.found_with(request(2, 2), Some(vec![0x80])).await, Damage::Unreadable { .. });
}
