//! Damage to heads and settings.

use super::*;

#[tokio::test]
async fn headers_that_do_not_fit_are_found() {
    let store = Store::new().await;
    let sound = store.header().await;
    let changed = async |change: &dyn Fn(&mut Header)| {
        let mut header = sound.clone();
        change(&mut header);
        store.found_with(key::header(BASE), Some(header.encode_head())).await
    };
    found!(changed(&|h| h.counts.invited += 1).await, Damage::Count { status: Status::Invited, .. });
    found!(
        changed(&|h| h.counts.active = u64::MAX).await,
        Damage::Count { status: Status::Active, header: u64::MAX, .. }
    );
    found!(changed(&|h| h.next_row -= 1).await, Damage::RowNotHandedOut { row, .. } if *row + 1 == sound.next_row);
    found!(changed(&|h| h.next_row -= 1).await, Damage::CommitRow { .. });
    found!(changed(&|h| h.next_row += 1).await, Damage::LogSum { .. });
    found!(changed(&|h| h.revision -= 1).await, Damage::CommitSurplus { revision: 6, last: 5 });
    found!(changed(&|h| h.revision = 1).await, Damage::Watermark { watermark: 2, last: 1 });
    found!(changed(&|h| h.revision = 1).await, Damage::MemberRevision { revision: 4, .. });
    found!(changed(&|h| h.revision += 2).await, Damage::CommitsMissing { from: 7, to: 8 });
    found!(changed(&|h| h.committed_at = Timestamp::from_micros(999)).await, Damage::MemberTimes { .. });
    found!(
        changed(&|h| h.committed_at = Timestamp::from_micros(1_001)).await,
        Damage::CommitTime { revision: 6 }
    );
}

#[tokio::test]
async fn heads_and_settings_that_do_not_belong_together_are_found() {
    let store = Store::new().await;
    let sound = store.header().await;
    let found = async |key: Key, value: Option<Vec<u8>>| store.found_with(key, value).await;
    let head = |header: Header| (key::header(BASE), Some(header.encode_head()));
    let settings = |header: Header| (key::settings(BASE), Some(header.encode_settings()));
    let last = sound.settings_revision;
    for (key, value) in [
        head(Header { settings_revision: last + 1, ..sound.clone() }),
        head(Header { is_purging: true, ..sound.clone() }),
        head(Header { deleted_at: Some(Timestamp::from_micros(7)), ..sound.clone() }),
        settings(Header { settings_revision: last - 1, ..sound.clone() }),
        settings(Header { deleted_at: Some(Timestamp::from_micros(7)), ..sound.clone() }),
    ] {
        found!(found(key, value).await, Damage::Settings);
    }
    found!(found(key::settings(BASE), None).await, Damage::Unreadable { .. });
    let stranger = [key::settings(BASE), vec![7]].concat();
    found!(found(stranger, Some(vec![1])).await, Damage::UnknownKey { .. });
}
