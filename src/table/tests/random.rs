//! Whatever steps the table takes, it replies as plain rows would.

use super::reference::Reference;
use super::*;
use crate::model::Rename;

#[derive(Debug, Clone)]
pub(super) enum Step {
    Upsert {
        rows: Vec<SmallRow>,
        options: UpsertOptions,
        mode: WriteMode,
    },
    Delete {
        rows: Vec<u8>,
        refs: Vec<u16>,
    },
    /// Like `Delete`, with so many unknown rows between rows and refs that the refs are in another slice.
    DeleteMany {
        rows: Vec<u8>,
        refs: Vec<u16>,
    },
    Undelete {
        rows: Vec<u8>,
    },
    Rename {
        row: u8,
        to: u16,
        alias_micros: i64,
    },
    Records {
        changes: Vec<SmallChange>,
    },
    Checkpoint,
    Maintain,
    Reopen,
    Crash,
}

/// Cases on PostgreSQL, where each has a store of its own.
const ON_POSTGRES: u32 = 12;

fn options() -> impl Strategy<Value = UpsertOptions> {
    let match_by = prop_oneof![4 => Just(MatchBy::Ref), 1 => Just(MatchBy::Email), 1 => Just(MatchBy::WorkerId), 1 => Just(MatchBy::Id)];
    let semantics = prop_oneof![3 => Just(Semantics::Merge), 1 => Just(Semantics::Replace)];
    let flags = (any::<bool>(), any::<bool>());
    (match_by, semantics, flags).prop_map(|(match_by, semantics, (reactivate, apply_status))| UpsertOptions {
        match_by,
        semantics,
        reactivate,
        apply_status,
        ..UpsertOptions::default()
    })
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let mode = prop_oneof![
        4 => Just(WriteMode::Partial),
        2 => Just(WriteMode::Atomic),
        1 => Just(WriteMode::ValidateOnly)
    ];
    let upsert = (proptest::collection::vec(small_row(), 0..90), options(), mode)
        .prop_map(|(rows, options, mode)| Step::Upsert { rows, options, mode });
    let delete = (proptest::collection::vec(any::<u8>(), 0..6), proptest::collection::vec(0..REFS, 0..12))
        .prop_map(|(rows, refs)| Step::Delete { rows, refs });
    let delete_many =
        (proptest::collection::vec(any::<u8>(), 0..6), proptest::collection::vec(0..REFS, 0..12))
            .prop_map(|(rows, refs)| Step::DeleteMany { rows, refs });
    let rename = (any::<u8>(), 0..REFS, 0_i64..8).prop_map(|(row, to, alias_micros)| Step::Rename {
        row,
        to,
        alias_micros,
    });
    let undelete = proptest::collection::vec(any::<u8>().prop_map(|row| row % 90), 0..40)
        .prop_map(|rows| Step::Undelete { rows });
    let records = records::changes().prop_map(|changes| Step::Records { changes });
    prop_oneof![
        6 => upsert,
        2 => delete,
        1 => delete_many,
        2 => undelete,
        3 => rename,
        12 => records,
        2 => Just(Step::Checkpoint),
        1 => Just(Step::Maintain),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash)
    ]
}

pub(super) fn delete_many(rows: &[u8], refs: &[u16]) -> DeleteRequest {
    let nobody = (0..1_000).map(|n| Row(1_000_000 + n));
    let rows = rows.iter().map(|row| Row(u64::from(*row))).chain(nobody).collect();
    DeleteRequest { rows, refs: refs.iter().map(|n| ref_of(*n)).collect(), ..DeleteRequest::default() }
}

pub(super) async fn run(subject: Subject, steps: Vec<Step>) {
    run_between(subject, steps, async |_| {}).await;
}

/// Takes the steps, and calls `between` before each of them and at the end.
pub(super) async fn run_between(
    mut subject: Subject,
    steps: Vec<Step>,
    mut between: impl AsyncFnMut(&mut Subject),
) {
    let mut reference = Reference::default();
    let mut repeatable = Vec::new();
    for step in steps {
        between(&mut subject).await;
        let now = Timestamp::from_micros(subject.clock.fetch_add(1, Ordering::Relaxed) + 1);
        match step {
            Step::Upsert { rows, options, mode } => {
                let rows: Vec<MemberRow> = rows.iter().map(member_row).collect();
                let upsert = subject.upsert_with_id(repeatable.len(), &rows, options, mode).await;
                let reply = upsert.reply().clone();
                repeatable.push(upsert);
                let expected = reference.upsert(&rows, &options, mode, now);
                // A row of a refused atomic call may report either of two members that had its key during the
                // call, but none that the call would have created.
                let is_refused =
                    mode == WriteMode::Atomic && reply.outcomes.iter().any(RowOutcome::is_failed);
                let places = || reply.outcomes.iter().filter_map(|o| o.row);
                assert!(!is_refused || places().all(|row| reference.knows(row.0)));
                let got: Vec<_> = reply
                    .outcomes
                    .iter()
                    .map(|o| (o.outcome, o.row.map(|row| row.0).filter(|_| !is_refused), o.status_kept))
                    .collect();
                assert_eq!(got, expected);
                assert_eq!(reply.revision, reference.revision);
            }
            Step::Delete { rows, refs } => {
                let rows: Vec<Row> = rows.into_iter().map(|row| Row(u64::from(row))).collect();
                let refs: Vec<Ref> = refs.into_iter().map(ref_of).collect();
                let expected = reference.delete(&rows, &refs, now);
                let reply = subject
                    .base
                    .delete(DeleteRequest { rows, refs, ..DeleteRequest::default() })
                    .await
                    .unwrap();
                assert_eq!(reply, expected);
            }
            Step::DeleteMany { rows, refs } => {
                let expected = reference.delete_many(&rows, &refs, now);
                assert_eq!(subject.base.delete(delete_many(&rows, &refs)).await.unwrap(), expected);
            }
            Step::Undelete { rows } => {
                let expected = reference.undelete(&rows, now);
                assert_eq!(subject.undelete_rows(&rows).await.unwrap(), (expected, reference.revision));
            }
            Step::Records { changes } => {
                let seed = reference.revision;
                let changes: Vec<_> = changes.iter().map(|change| record_change(change, seed)).collect();
                let expected = reference.change_records(&changes, now);
                assert_eq!(subject.change_records(changes).await.unwrap(), (expected, reference.revision));
            }
            Step::Rename { row, to, alias_micros } => {
                let rename = Rename::new(ref_of(to), alias_micros);
                let expected = reference.rename(u64::from(row), &rename, now);
                assert_eq!(subject.rename(u64::from(row), rename).await, expected);
            }
            Step::Checkpoint => subject.base.checkpoint().await.unwrap(),
            Step::Maintain => subject.table.maintain().await.unwrap(),
            Step::Reopen => {
                subject.base.close().await.unwrap();
                subject.crash().await;
            }
            Step::Crash => subject.crash().await,
        }
    }
    for upsert in &repeatable {
        subject.check_repeat(upsert).await;
    }
    subject.compare(&reference).await;
    between(&mut subject).await;
    subject.compare(&reference).await;
    subject.base.checkpoint().await.unwrap();
    subject.compare(&reference).await;
    subject.crash().await;
    subject.compare(&reference).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_table_replies_as_plain_rows_would(steps in proptest::collection::vec(step(), 1..22)) {
        block_on(async { run(Subject::new().await, steps).await });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ON_POSTGRES))]

    #[test]
    fn the_table_replies_as_plain_rows_would_on_postgres(steps in proptest::collection::vec(step(), 1..22)) {
        block_on(async {
            if let Some(subject) = Subject::on_postgres().await {
                run(subject, steps).await;
            }
        });
    }
}
