//! Damage to audiences.

use super::*;
use crate::model::filter::RawFilter;
use crate::model::{AudienceFilter, AudienceName, AudienceNumber};
use crate::stored::audience::{self, Kind, Numbers, Record};
use crate::table::{AudienceRequest, AudienceWhat};

const FIRST: AudienceNumber = AudienceNumber(1);

/// A store with an audience that has nobody but the row 60, who was picked.
async fn with_audience() -> Store {
    let store = Store::new().await;
    let base = store.table.base(BASE).await.unwrap();
    let create =
        AudienceWhat::Create { name: AudienceName::parse("A").unwrap(), filter: AudienceFilter::default() };
    let add = AudienceWhat::AddRows { audience: FIRST, rows: vec![Row(60)] };
    for what in [create, add] {
        let request = AudienceRequest { what, claim: None, deadline: None, origin: Origin::default() };
        base.change_audience(request).await.unwrap();
    }
    base.checkpoint().await.unwrap();
    assert_sound(&store.engine).await;
    store
}

#[tokio::test]
async fn members_who_are_wrongly_in_or_out_are_found() {
    let store = with_audience().await;
    let place = || audience::rows(BASE, FIRST, Kind::In, 0);
    let other = encode_chunk(&[61].into_iter().collect());
    let found = store.found_with(place(), Some(other.clone())).await;
    found!(&found, Damage::Audience { audience: FIRST, row: 60, is_in: false });
    found!(&found, Damage::Audience { audience: FIRST, row: 61, is_in: true });
    assert!(found.iter().any(|damage| damage.to_string() == "row 61 is wrongly in the audience 1"));
    assert!(found.iter().any(|damage| damage.to_string() == "row 60 is missing from the audience 1"));
    let unknown = AudienceNumber(7);
    found!(
        store.found_with(audience::rows(BASE, unknown, Kind::In, 0), Some(other)).await,
        Damage::Audience { row: 61, is_in: true, .. }
    );
}

#[tokio::test]
async fn rows_that_cannot_be_kept_by_hand_are_found() {
    let store = with_audience().await;
    let one = |row: u32| Some(encode_chunk(&[row].into_iter().collect()));
    let place = |kind, chunk| audience::rows(BASE, FIRST, kind, chunk);
    found!(
        store.found_with(place(Kind::Removed, 0), one(60)).await,
        Damage::AudienceHand { audience: FIRST, row: 60 }
    );
    found!(
        store.found_with(place(Kind::Removed, 9), one(1)).await,
        Damage::AudienceHand { row: 589_825, .. }
    );
    found!(
        store.found_with(audience::rows(BASE, AudienceNumber(7), Kind::Picked, 0), one(60)).await,
        Damage::AudienceHand { .. }
    );
}

#[tokio::test]
async fn records_and_numbers_that_do_not_fit_are_found() {
    let store = with_audience().await;
    let record = store.get(audience::audience(BASE, FIRST)).await.to_vec();
    let key = |number| audience::audience(BASE, AudienceNumber(number));
    found!(
        store.found_with(key(9), Some(record.clone())).await,
        Damage::AudienceNumber { audience: AudienceNumber(9), last: 1 }
    );
    found!(store.found_with(key(1), Some(vec![1, 9])).await, Damage::Unreadable { .. });
    let unknown = RawFilter { key: Some("nothing".to_owned()), exists: Some(true), ..RawFilter::default() };
    let record = Record { filter: vec![unknown], ..Record::decode(&record).unwrap() };
    found!(store.found_with(key(1), Some(record.encode())).await, Damage::Unreadable { .. });
    found!(store.found_with(audience::numbers(BASE), Some(vec![9])).await, Damage::Unreadable { .. });
    let last = Numbers { last: AudienceNumber(0), fold: 2, changed: 0 };
    found!(
        store.found_with(audience::numbers(BASE), Some(last.encode())).await,
        Damage::AudienceNumber { last: 0, .. }
    );
    let place = [audience::rows(BASE, FIRST, Kind::In, 0), vec![0]].concat();
    found!(store.found_with(place, Some(vec![1])).await, Damage::UnknownKey { .. });
    let place = audience::rows(BASE, FIRST, Kind::In, 0);
    found!(store.found_with(place, Some(vec![9])).await, Damage::Unreadable { .. });
}
