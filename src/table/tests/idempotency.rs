//! Single requests: concurrent ones, late ones, and those to deleted bases.

use super::*;

#[test]
fn concurrent_writers_of_the_same_refs_create_each_member_once() {
    block_on(async {
        let subject = Subject::new().await;
        let rows: Vec<MemberRow> = (0..250).map(plain_row).collect();
        let writers: Vec<_> = (0..16)
            .map(|_| {
                let (base, rows) = (Arc::clone(&subject.base), rows.iter().cloned().map(Ok).collect());
                tokio::spawn(async move {
                    let options = UpsertOptions::default();
                    base.upsert(UpsertRequest {
                        rows,
                        options,
                        mode: WriteMode::Partial,
                        claim: None,
                        deadline: None,
                        origin: Origin::default(),
                    })
                    .await
                    .unwrap()
                })
            })
            .collect();
        let mut created = 0;
        for writer in writers {
            let reply = writer.await.unwrap();
            created += reply.outcomes.iter().filter(|o| o.outcome == Outcome::Created).count();
            let places: Vec<u64> = reply.outcomes.iter().map(|o| o.row.unwrap().0).collect();
            assert_eq!(places, (0..250).collect::<Vec<_>>());
        }
        assert_eq!(created, 250);
        assert_eq!(subject.base.view().await.revision(), 1);
    });
}

#[test]
fn a_passed_deadline_and_a_deleted_base_refuse_and_write_nothing() {
    block_on(async {
        let subject = Subject::new().await;
        let request = |deadline| UpsertRequest {
            claim: None,
            rows: vec![Ok(plain_row(1))],
            options: UpsertOptions::default(),
            mode: WriteMode::Partial,
            deadline,
            origin: Origin::default(),
        };
        let passed = Some(std::time::Instant::now());
        assert_eq!(subject.base.upsert(request(passed)).await, Err(TableError::DeadlinePassed));
        let delete = SettingsRequest { deleted: Some(true), ..SettingsRequest::default() };
        let twice = tokio::join!(
            subject.base.change_settings(delete.clone()),
            subject.base.change_settings(delete.clone())
        );
        let (Ok(deleted), Err(TableError::BaseDeleted)) = twice else { panic!("{twice:?}") };
        assert_eq!((deleted.revision, deleted.deleted_at.is_some()), (1, true));
        assert_eq!(subject.base.upsert(request(None)).await, Err(TableError::BaseDeleted));
        let undelete = SettingsRequest { deleted: Some(false), ..SettingsRequest::default() };
        assert_eq!(subject.base.change_settings(undelete).await.unwrap().deleted_at, None);
        assert_eq!(subject.base.upsert(request(None)).await.unwrap().outcomes.len(), 1);
    });
}

#[test]
fn a_deleted_base_is_purged_after_its_grace_and_never_before() {
    block_on(async {
        let subject = Subject::new().await;
        subject.upsert(&[plain_row(1)], UpsertOptions::default(), WriteMode::Partial).await;
        let delete = SettingsRequest { deleted: Some(true), ..SettingsRequest::default() };
        subject.base.change_settings(delete).await.unwrap();
        let number = subject.base.number();
        // Drop the handle: a base in use is left to a later round.
        let Subject { engine, clock, table, base } = subject;
        drop(base);
        let grace = TableConfig::default().grace_micros;
        clock.fetch_add(grace - 10, Ordering::Relaxed);
        table.maintain().await.unwrap();
        assert!(table.base(number).await.is_ok());
        clock.fetch_add(20, Ordering::Relaxed);
        table.maintain().await.unwrap();
        assert!(matches!(table.base(number).await, Err(TableError::BaseNotFound)));
        let left = engine
            .scan(crate::engine::KeyRange::prefix(&[]), crate::engine::Direction::Forward, 10)
            .await
            .unwrap();
        assert_eq!(left.len(), 2, "only the metadata and the next base number remain");
        let next = table.create_base(BaseSettings::named(BaseName::parse("next").unwrap()), None).await;
        assert_eq!(next.unwrap().number, BaseNumber(2));
    });
}

#[test]
fn commits_leave_the_log_after_their_retention_once_the_indexes_have_them() {
    block_on(async {
        let subject = Subject::new().await;
        subject.upsert(&[plain_row(1)], UpsertOptions::default(), WriteMode::Partial).await;
        subject.clock.fetch_add(TableConfig::default().commit_retention_micros + 10, Ordering::Relaxed);
        let commits = || async {
            let range = crate::stored::key::commits(subject.base.number());
            subject.engine.scan(range, crate::engine::Direction::Forward, 10).await.unwrap().len()
        };
        subject.table.maintain().await.unwrap();
        assert_eq!(commits().await, 1, "the stored indexes do not have it yet");
        subject.base.checkpoint().await.unwrap();
        subject.table.maintain().await.unwrap();
        assert_eq!(commits().await, 0);
        let base = subject.table.base(subject.base.number()).await.unwrap();
        assert_eq!(base.view().await.revision(), 1);
    });
}
