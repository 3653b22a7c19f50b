//! Damage to members' records.

use super::*;

#[tokio::test]
async fn records_that_do_not_fit_are_found() {
    let store = Store::new().await;
    // A record of a deleted member that has lost its mark for the purge.
    let mark = record_key::record_purge(BASE, Row(50));
    found!(store.found_with(mark, None).await, Damage::RecordsWithoutMember { row: 50 });
    let counts = store.get(record_key::record_counts(BASE, Row(60))).await.to_vec();
    found!(
        store.found_with(record_key::record_purge(BASE, Row(60)), Some(counts.clone())).await,
        Damage::PurgeOfMember { row: 60 }
    );
    found!(
        store.found_with(record_key::record_counts(BASE, Row(61)), Some(counts)).await,
        Damage::RecordCount { row: 61 }
    );
    let name = record_key::transaction(BASE, "tx 60");
    found!(store.found_with(name.clone(), None).await, Damage::RecordName { row: 60, .. });
    let lost = crate::stored::member_record::encode_place(LOST.row, LOST.sequence);
    found!(store.found_with(name.clone(), Some(lost.clone())).await, Damage::RecordName { row: 60, .. });
    found!(
        store.found_with(record_key::transaction(BASE, "other"), Some(lost)).await,
        Damage::RecordNameSurplus { .. }
    );
}
