//! Damage to the commit log.

use super::*;
use crate::stored::commit::{self, CommitHead, CommitPart, CommitWriter};

fn head(time: i64) -> CommitHead {
    CommitHead { time: Timestamp::from_micros(time), origin: Origin::default(), batch: 1 }
}

#[tokio::test]
async fn a_commit_log_with_gaps_or_strangers_is_found() {
    let store = Store::new().await;
    found!(store.found_with(key::commit(BASE, 4, 0), None).await, Damage::CommitsMissing { from: 4, to: 4 });
    found!(store.found_with(key::commit(BASE, 6, 0), None).await, Damage::CommitsMissing { from: 6, to: 6 });
    found!(
        store
            .found_with(key::commit(BASE, 9, 0), Some(CommitWriter::new(head(1_000)).finish().remove(0)))
            .await,
        Damage::CommitSurplus { revision: 9, last: 6 }
    );
    let last = store.get(key::commit(BASE, 6, 0)).await.to_vec();
    found!(
        store.found_with(key::commit(BASE, 6, 1), Some(last.clone())).await,
        Damage::CommitParts { revision: 6, part: 1 }
    );
    let mut open = last.clone();
    open[1] = 0;
    found!(
        store.found_with(key::commit(BASE, 6, 0), Some(open)).await,
        Damage::CommitParts { revision: 6, part: 0 }
    );
    let written = |time, row, change, before: Option<&[u8]>| {
        let mut commit = CommitWriter::new(head(time));
        commit.change(Row(row), change, before, commit::Deltas::default());
        commit.finish().remove(0)
    };
    let mut part = CommitPart::open(&last).unwrap();
    let before = part.next_change().unwrap().unwrap().before.unwrap();
    let replaced = async |bytes: Vec<u8>| store.found_with(key::commit(BASE, 6, 0), Some(bytes)).await;
    let deleted = commit::Change::Deleted;
    found!(replaced(written(5, 50, deleted, Some(before))).await, Damage::CommitTime { revision: 6 });
    found!(replaced(written(2_000, 50, deleted, Some(before))).await, Damage::CommitTime { revision: 6 });
    found!(
        replaced(written(1_000, 999, deleted, Some(before))).await,
        Damage::CommitRow { revision: 6, row: 999, .. }
    );
    found!(replaced(written(1_000, 50, deleted, None)).await, Damage::CommitBefore { revision: 6 });
    let mut later = member::decode(before).unwrap();
    later.revision = 7;
    found!(
        replaced(written(1_000, 50, deleted, Some(&member::encode(&later)))).await,
        Damage::CommitBefore { revision: 6 }
    );
    found!(
        replaced(written(
            1_000,
            0,
            commit::Change::Base,
            Some(&Header { settings_revision: 6, ..store.header().await }.encode_settings())
        ))
        .await,
        Damage::CommitBefore { revision: 6 }
    );
}
