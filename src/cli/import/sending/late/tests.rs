use super::*;

/// Waiting rows at these lines, each with the id of the member that it found.
fn late(rows: &[(u64, &str, Option<u128>)]) -> Late {
    let mut late = Late::default();
    for (line, text, id) in rows {
        let alone = ListRow::ndjson(*line, text);
        let failure = RowFailure::new("EMAIL_TAKEN", "email", "");
        let failed = Failed { row: &alone, failure, id: id.map(Key::Id) };
        assert!(late.add(&failed, &Format::ndjson(), v1::MatchBy::Ref));
    }
    late
}

/// The lines of the rows that are tried again.
fn tried(mut late: Late, overtaken: &Overtaken) -> Vec<u64> {
    late.fail_older(overtaken);
    late.waiting()
}

#[test]
fn of_the_rows_that_wait_for_one_member_only_the_newest_is_tried() {
    let none = Overtaken::default();
    for (older, newer) in [
        (r#"{"ref":"a"}"#, r#"{"ref":"a","tier":"x"}"#),
        (r#"{"ref":"a"}"#, r#"{"id":"m_4ev85xgydy92xynbbqf0rbtnw0"}"#),
        (r#"{"ref":"former a"}"#, r#"{"ref":"a"}"#),
    ] {
        let rows = [(2, older, Some(7)), (3, r#"{"ref":"b"}"#, Some(8)), (4, newer, Some(7))];
        assert_eq!(tried(late(&rows), &none), [3, 4], "{older} {newer}");
    }
    // Members that do not exist yet have no id, only the key.
    let rows = [(2, r#"{"ref":"a"}"#, None), (3, r#"{"ref":"b"}"#, None), (4, r#"{"ref":"a"}"#, Some(7))];
    assert_eq!(tried(late(&rows), &none), [3, 4]);
    let id = r#"{"id":"m_4ev85xgydy92xynbbqf0rbtnw0"}"#;
    let other_form = r#"{"id":"MEM_4EV85XGYDY92XYNBBQF0RBTNW0"}"#;
    assert_eq!(tried(late(&[(2, id, None), (3, other_form, None)]), &none), [3]);
}

#[test]
fn a_row_is_not_tried_after_a_newer_one_was_applied_or_may_have_been() {
    let rows =
        [(2, r#"{"ref":"a"}"#, Some(7)), (3, r#"{"ref":"b"}"#, Some(8)), (6, r#"{"ref":"c"}"#, Some(9))];
    let remember = || {
        let mut overtaken = Overtaken::default();
        rows.iter().for_each(|(line, _, id)| overtaken.failed(*line, None, id.map(Key::Id)));
        overtaken
    };
    let mut overtaken = remember();
    overtaken.applied(5, None, Some(Key::Id(7)));
    overtaken.applied(5, None, Some(Key::Id(9)));
    assert_eq!(tried(late(&rows), &overtaken), [3, 6]);
    // The row of line 4 may be for any member.
    let mut overtaken = remember();
    overtaken.applied(4, Some(Key::Ref("new a".into())), None);
    let mut late = late(&rows);
    late.fail_older(&overtaken);
    let reasons: Vec<_> = late.failures().map(|(row, failure)| (row.number(), &*failure.reason)).collect();
    let unknown = "LATER_ROW_POSSIBLE";
    assert_eq!(reasons, [(2, unknown), (3, unknown), (6, "EMAIL_TAKEN")]);
    assert_eq!(late.waiting(), [6]);
}

#[test]
fn a_row_is_tried_on_the_member_that_it_found_and_otherwise_only_to_create_one() {
    let rows =
        [(2, r#"{"ref":"a","id":"m_00000000000000000000000001"}"#, Some(7)), (3, r#"{"ref":"b"}"#, None)];
    let rows = late(&rows);
    let again = |line: u64, match_by| rows.rows[&line].again(match_by);
    let id = Key::Id(7).to_id();
    let found = again(2, v1::MatchBy::Ref);
    assert_eq!((found.id, found.r#ref, found.if_revision), (id.clone(), None, None));
    let found = again(2, v1::MatchBy::Email);
    assert_eq!((found.id, found.r#ref.as_deref()), (id, Some("a")));
    let new = again(3, v1::MatchBy::Ref);
    assert_eq!((new.id, new.r#ref.as_deref(), new.if_revision), (None, Some("b"), Some(0)));
    assert_eq!(rows.groups(), [vec![2], vec![3]]);
}

#[test]
fn a_row_that_now_finds_another_member_keeps_its_reason_and_is_not_retried() {
    let mut late = late(&[
        (2, r#"{"ref":"a"}"#, Some(7)),
        (3, r#"{"ref":"b"}"#, None),
        (4, r#"{"ref":"c","if_revision":0}"#, None),
    ]);
    for (line, reason, kept) in [
        (2, "MEMBER_NOT_FOUND", "EMAIL_TAKEN"),
        (3, "REVISION_MISMATCH", "EMAIL_TAKEN"),
        (4, "REVISION_MISMATCH", "REVISION_MISMATCH"),
    ] {
        let held = late.rows.get_mut(&line).unwrap();
        held.fail(RowFailure::new(reason, "x", ""));
        assert_eq!((&*held.failure.reason, held.is_final), (kept, true), "{line}");
        assert_eq!(held.failure.message.contains("tried again"), reason != kept);
    }
}

#[test]
fn rows_that_wait_no_more_fail_in_the_order_of_the_file() {
    let mut late = late(&[(9, r#"{"ref":"a"}"#, None), (2, r#"{"ref":"b"}"#, None)]);
    let mut lines = Vec::new();
    late.give_up(|row, _| {
        lines.push(row.number());
        Ok(())
    })
    .unwrap();
    assert_eq!(lines, [2, 9]);
    assert!(late.is_empty() && late.bytes == 0);
}
