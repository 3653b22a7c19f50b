//! Rows of one request are decided by what was looked up for all of them before the first one was applied.
//! Each must do what it would do alone.

use super::*;

/// Rows with few keys, so that most of them meet each other.
fn close_row() -> impl Strategy<Value = SmallRow> {
    let few = |key: Option<u16>| key.map(|n| n % 5);
    small_row().prop_map(move |row| SmallRow {
        ref_: few(row.ref_),
        email: row.email.map(few),
        worker_id: row.worker_id.map(few),
        ..row
    })
}

/// A row with this ref and e-mail address, if any, of a member of this tier.
fn row_of(ref_: u16, email: Option<u16>, tier: u8) -> MemberRow {
    let (email, tier) = (email.map(Some), Some(tier));
    let none = SmallRow {
        ref_: Some(ref_),
        email,
        worker_id: None,
        tier,
        status: None,
        if_revision: None,
        found_by_id: None,
    };
    member_row(&none)
}

impl Subject {
    async fn in_part(&self, rows: &[MemberRow], options: UpsertOptions) -> Vec<RowOutcome> {
        self.upsert(rows, options, WriteMode::Partial).await.outcomes
    }

    /// The outcomes of these rows, each a request of its own.
    async fn one_by_one(&self, rows: &[MemberRow], options: UpsertOptions) -> Vec<RowOutcome> {
        let mut outcomes = Vec::new();
        for row in rows {
            outcomes.extend(self.in_part(std::slice::from_ref(row), options).await);
        }
        outcomes
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_do_together_what_they_do_alone(
        requests in proptest::collection::vec(proptest::collection::vec(close_row(), 1..12), 1..6),
        match_by in prop_oneof![Just(MatchBy::Ref), Just(MatchBy::Email), Just(MatchBy::WorkerId)],
        apply_status in any::<bool>(),
    ) {
        block_on(async {
            let (together, alone) = (Subject::new().await, Subject::new().await);
            let options = UpsertOptions { match_by, apply_status, ..UpsertOptions::default() };
            for rows in &requests {
                // Revisions differ, because each request is a commit.
                let rows: Vec<MemberRow> =
                    rows.iter().map(|row| MemberRow { if_revision: None, ..member_row(row) }).collect();
                for _ in 0..2 {
                    let one = together.in_part(&rows, options).await;
                    assert_eq!(one, alone.one_by_one(&rows, options).await);
                }
            }
            crate::table::audit::tests::assert_sound(&together.engine).await;
        });
    }
}

#[test]
fn a_row_repeats_its_member_until_its_batch_changes_it() {
    block_on(async {
        let subject = Subject::new().await;
        let rows = |refs: std::ops::Range<u16>, tier| refs.map(move |n| row_of(n, None, tier));
        let all: Vec<_> = rows(0..20, 1).collect();
        let options = UpsertOptions::default();
        assert!(subject.in_part(&all, options).await.iter().all(|row| row.outcome == Outcome::Created));
        assert!(subject.in_part(&all, options).await.iter().all(|row| row.outcome == Outcome::Unchanged));
        // The same rows between rows that change their members, and back.
        let mixed: Vec<_> =
            rows(0..4, 1).chain(rows(2..4, 2)).chain(rows(1..3, 1)).chain(rows(0..2, 1)).collect();
        let outcomes = subject.in_part(&mixed, options).await;
        let outcomes: Vec<_> = outcomes.iter().map(|row| (row.row.unwrap().0, row.outcome)).collect();
        let (same, new) = (Outcome::Unchanged, Outcome::Updated);
        let first = [(0, same), (1, same), (2, same), (3, same)];
        let others = [(2, new), (3, new), (1, same), (2, new), (0, same), (1, same)];
        assert_eq!(outcomes, [&first[..], &others].concat());
        crate::table::audit::tests::assert_sound(&subject.engine).await;
    });
}

#[test]
fn new_rows_that_share_a_key_meet_each_other() {
    block_on(async {
        let subject = Subject::new().await;
        let options = UpsertOptions::default();
        let rows = [
            row_of(1, Some(1), 1),
            // Another member has the address by now.
            row_of(2, Some(1), 1),
            // The first row has made this member.
            row_of(1, Some(1), 2),
            row_of(1, Some(2), 2),
            // So the address is free.
            row_of(2, Some(1), 1),
            row_of(1, Some(2), 2),
        ];
        let expected = [
            Outcome::Created,
            Outcome::Failed,
            Outcome::Updated,
            Outcome::Updated,
            Outcome::Created,
            Outcome::Unchanged,
        ];
        let outcomes = subject.in_part(&rows, options).await;
        assert_eq!(outcomes.iter().map(|row| row.outcome).collect::<Vec<_>>(), expected);
        assert_eq!(outcomes[1].error.as_ref().unwrap().taken_by, Some(Row(0)));
        crate::table::audit::tests::assert_sound(&subject.engine).await;
    });
}
