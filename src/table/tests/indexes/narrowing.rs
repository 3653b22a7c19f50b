//! Changes of the schema that remove attributes, while the lane counts who has values for them.

use super::*;
use crate::engine::faulty::Fault;

const MEMBERS: u16 = 2_000;

/// Members without values, and the last one with them. The lane counts 16 rows at a time.
async fn subject(members: u16) -> (Subject, Arc<Faulty>) {
    let mut subject = Subject::new().await;
    let cut = subject.restart(BY_THE_LANE).await;
    subject.index(&[]).await;
    let rows: Vec<MemberRow> =
        (0..members).map(|n| if n + 1 == members { attributed(n, Some(1)) } else { plain_row(n) }).collect();
    subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
    (subject, cut)
}

/// Removes all attributes but `keys`, which get an index.
fn only(keys: &[&str]) -> SettingsRequest {
    let mut schema = schema(keys);
    schema.types.retain(|key, _| keys.contains(&key.as_str()));
    SettingsRequest { schema: Some(schema), ..SettingsRequest::default() }
}

type Changed = tokio::task::JoinHandle<Result<BaseSummary, TableError>>;

impl Subject {
    /// Begins with the change.
    fn begin(&self, request: SettingsRequest) -> Changed {
        let base = Arc::clone(&self.base);
        tokio::spawn(async move { base.change_settings(request).await })
    }

    async fn upsert_all(&self, rows: &[MemberRow], mode: WriteMode) -> UpsertReply {
        self.upsert(rows, UpsertOptions::default(), mode).await
    }

    /// The members who have a value.
    async fn with_values(&self) -> u64 {
        let view = self.base.view().await;
        let rows: Vec<Row> = (0..view.next_row().0).map(Row).collect();
        let members = view.members(&rows).await.unwrap();
        members.iter().filter(|(_, member)| !member.attributes.is_empty()).count().try_into().unwrap()
    }

    async fn has_attributes(&self) -> bool {
        self.base.view().await.summary().schema.is_some_and(|schema| !schema.types.is_empty())
    }
}

fn is_held_by(changed: &Result<BaseSummary, TableError>, by: u64) -> bool {
    let counts = [("number".to_owned(), by), ("text".to_owned(), by)];
    matches!(changed, Err(TableError::SchemaInUse { held, members }) if *members == by && held[..] == counts)
}

#[test]
fn a_value_that_moves_from_member_to_member_is_counted_once() {
    block_on(async {
        let (subject, _) = subject(MEMBERS).await;
        let change = subject.begin(only(&[]));
        let (mut at, mut moves) = (MEMBERS - 1, 0);
        while !change.is_finished() {
            let to = (at + 997) % MEMBERS;
            let rows = [attributed(at, None), attributed(to, Some(1))];
            let reply = subject.upsert_all(&rows, WriteMode::Atomic).await;
            assert!(reply.outcomes.iter().all(|outcome| !outcome.is_failed()), "{reply:?}");
            (at, moves) = (to, moves + 1);
        }
        let changed = change.await.unwrap();
        assert!(is_held_by(&changed, 1), "{changed:?}");
        assert!(moves > 1, "nothing was written meanwhile");
        // Once the last value is gone, the same change fits.
        subject.upsert_all(&[attributed(at, None)], WriteMode::Partial).await;
        subject.begin(only(&[])).await.unwrap().unwrap();
        assert!(!subject.has_attributes().await);
        let reply = subject.upsert_all(&[attributed(0, Some(1))], WriteMode::Partial).await;
        assert!(reply.outcomes[0].is_failed());
    });
}

#[test]
fn members_who_come_and_go_meanwhile_are_counted() {
    block_on(async {
        let (subject, _) = subject(MEMBERS).await;
        let change = subject.begin(only(&[]));
        let mut n = MEMBERS;
        while !change.is_finished() {
            // The next member comes before the last one goes.
            subject.upsert_all(&[attributed(n, Some(2))], WriteMode::Partial).await;
            let refs = vec![ref_of(n - 1)];
            subject.base.delete(DeleteRequest { refs, ..DeleteRequest::default() }).await.unwrap();
            n += 1;
        }
        let changed = change.await.unwrap();
        assert!(is_held_by(&changed, 1) || is_held_by(&changed, 2), "{changed:?}");
        assert!(n > MEMBERS + 1, "nothing was written meanwhile");
    });
}

#[test]
fn a_list_that_is_applied_as_a_whole_has_its_attributes_to_the_end() {
    block_on(async {
        let (subject, _) = subject(MEMBERS).await;
        subject.upsert_all(&[attributed(MEMBERS - 1, None)], WriteMode::Partial).await;
        let change = subject.begin(only(&[]));
        let rows: Vec<MemberRow> = (0..2_500).map(|n| attributed(n, Some(3))).collect();
        let reply = subject.upsert_all(&rows, WriteMode::Whole).await;
        let changed = change.await.unwrap();
        let applied = reply.outcomes.iter().filter(|outcome| !outcome.is_failed()).count();
        // Which of the two comes first is open, but there is no third way.
        match changed {
            Ok(_) => assert_eq!((applied, subject.with_values().await), (0, 0)),
            refused => assert!(applied == 2_500 && is_held_by(&refused, 2_500), "{applied}, {refused:?}"),
        }
    });
}

#[test]
fn other_changes_of_the_schema_wait_and_are_made_in_their_order() {
    block_on(async {
        let (subject, _) = subject(MEMBERS).await;
        subject.upsert_all(&[attributed(MEMBERS - 1, None)], WriteMode::Partial).await;
        let one_after_another = async |requests: Vec<SettingsRequest>| {
            let mut changes = Vec::new();
            for request in requests {
                changes.push(subject.begin(request));
                tokio::task::yield_now().await;
            }
            let mut changed = Vec::new();
            for change in changes {
                changed.push(change.await.unwrap());
            }
            changed
        };
        let name = BaseName::parse("another".to_owned()).unwrap();
        let rename = SettingsRequest { name: Some(name), ..SettingsRequest::default() };
        let requests = vec![only(&["text"]), only(&["number"]), only(&[]), only(&["number"]), rename];
        let changed = one_after_another(requests).await;
        let of = |place: usize| -> Vec<String> {
            changed[place].as_ref().unwrap().schema.as_ref().unwrap().types.keys().cloned().collect()
        };
        assert_eq!((of(0), of(1), of(2)), (vec!["text".to_owned()], vec!["number".to_owned()], vec![]));
        assert_eq!(of(3), ["number"]);
        subject.all_indexed().await;
        assert_eq!(subject.base.view().await.summary().settings.name.as_str(), "another");
        let _quiet = subject.base.without_checkpoints().await;
        crate::table::audit::tests::assert_sound(&subject.engine).await;
    });
}

#[test]
fn a_memberbase_that_is_deleted_meanwhile_refuses_the_change() {
    block_on(async {
        let (subject, _) = subject(MEMBERS).await;
        let change = subject.begin(only(&[]));
        let delete = SettingsRequest {
            deleted: Some(true),
            expect_members: Some(MEMBERS.into()),
            ..SettingsRequest::default()
        };
        subject.base.change_settings(delete).await.unwrap();
        let changed = change.await.unwrap();
        let refused = matches!(changed, Err(TableError::BaseDeleted)) || is_held_by(&changed, 1);
        assert!(refused, "{changed:?}");
        let restore = SettingsRequest { deleted: Some(false), ..SettingsRequest::default() };
        subject.base.change_settings(restore).await.unwrap();
        let changed = subject.begin(only(&[])).await.unwrap();
        assert!(is_held_by(&changed, 1), "{changed:?}");
    });
}

#[test]
fn a_write_that_fails_meanwhile_is_not_counted() {
    block_on(async {
        let (mut fitted, mut refused, mut failed) = (0, 0, 0);
        for n in 1..60 {
            let (subject, cut) = subject(300).await;
            subject.upsert_all(&[attributed(299, None)], WriteMode::Partial).await;
            cut.fail_later(n, Fault::FailedWrite { also: 0 });
            let change = subject.begin(only(&[]));
            for _ in 0..n % 7 {
                tokio::task::yield_now().await;
            }
            let rows = vec![Ok(attributed(0, Some(1)))];
            let request = UpsertRequest {
                rows,
                options: UpsertOptions::default(),
                mode: WriteMode::Partial,
                claim: None,
                deadline: None,
                origin: Origin::default(),
            };
            // It may come too late for the attribute, or fail.
            failed += u32::from(subject.base.upsert(request).await.is_err());
            let changed = change.await.unwrap();
            // From here on nothing fails.
            cut.fail_later(u64::MAX, Fault::FailedWrite { also: 0 });
            match changed {
                Ok(_) => {
                    fitted += 1;
                    assert_eq!((subject.with_values().await, subject.has_attributes().await), (0, false));
                }
                changed if is_held_by(&changed, 1) => {
                    refused += 1;
                    assert_eq!((subject.with_values().await, subject.has_attributes().await), (1, true));
                }
                Err(TableError::SchemaInUse { .. }) => panic!("it counts what nobody has"),
                Err(_) => assert!(subject.has_attributes().await),
            }
        }
        assert!(fitted > 0 && refused > 0 && failed > 0, "{fitted}, {refused}, {failed}");
    });
}
