//! Fields that a sender may not see affect nothing that it learns: neither where commits end nor what fits
//! into one.

use super::*;
use crate::model::limits::ACCOUNT_HOLDER_MAX_CHARS;
use crate::model::{AccountDetails, AttributePatch, AttributeValue, Date, Sight};
use crate::table::tests::slices::{MEMBERS, with_members_like};

/// The longest hidden fields: they make a thousand members larger by hundreds of kilobytes.
fn hidden() -> MemberPatch {
    let holder = "\u{1f600}".repeat(ACCOUNT_HOLDER_MAX_CHARS);
    MemberPatch {
        dob: Change::Set(Date::parse("1990-02-03").unwrap()),
        account_details: Change::Set(AccountDetails::parse_uk(holder, "200000", "55779911").unwrap()),
        ..MemberPatch::default()
    }
}

/// What a sender learns from a request: its reply, and the revisions of all members afterwards.
async fn heard(subject: &Subject, answer: String) -> String {
    let view = subject.base.view().await;
    let rows: Vec<Row> = (0..u64::from(MEMBERS)).map(Row).collect();
    let mut members = view.members(&rows).await.unwrap();
    let revisions: Vec<u64> = members.iter_mut().map(|(_, member)| member.revision).collect();
    format!("{answer} {} {revisions:?}", view.revision())
}

/// Changes the tier of the first `rows` members.
async fn upsert(
    subject: &Subject,
    rows: u16,
    tier: &str,
    mode: WriteMode,
) -> Result<UpsertReply, TableError> {
    let row = |n| {
        let mut row = plain_row(n);
        row.patch.tier = Change::Set(Tier::parse(tier.to_owned()).unwrap());
        Ok(row)
    };
    let request = UpsertRequest {
        rows: (0..rows).map(row).collect(),
        options: UpsertOptions { sight: Sight::WithoutPii, ..UpsertOptions::default() },
        mode,
        claim: None,
        deadline: None,
        origin: Origin::default(),
    };
    subject.base.upsert(request).await
}

/// Sets or clears an attribute of the first `rows` members.
async fn change(subject: &Subject, rows: u16, value: Option<&str>) -> Result<AttributesReply, TableError> {
    let mut patch = AttributePatch::default();
    match value {
        Some(text) => patch.set("key_0".to_owned(), AttributeValue::text(text.to_owned()).unwrap()).unwrap(),
        None => patch.clear("key_0".to_owned()).unwrap(),
    }
    let request = AttributesRequest {
        changes: (0..u64::from(rows)).map(|row| (Row(row), patch.clone())).collect(),
        is_strict: value.is_some(),
        sight: Sight::WithoutPii,
        ..AttributesRequest::default()
    };
    subject.base.change_attributes(request).await
}

/// Everything that a sender who may not see these fields learns.
async fn all_heard(hidden: &MemberPatch) -> Vec<String> {
    let subject = with_members_like(hidden).await;
    let mut all = Vec::new();
    let partial = upsert(&subject, 1_000, "one", WriteMode::Partial).await;
    assert!(partial.is_ok());
    all.push(heard(&subject, format!("{partial:?}")).await);
    // From too many rows down to the first number that fits, in steps smaller than the hidden bytes of all.
    for rows in (1_100..1_260).rev().step_by(6) {
        let atomic = upsert(&subject, rows, "two", WriteMode::Atomic).await;
        let is_done = atomic.is_ok();
        all.push(heard(&subject, format!("{rows} {atomic:?}")).await);
        if is_done {
            break;
        }
    }
    let refs = (0..MEMBERS).map(ref_of).collect();
    subject.base.delete(DeleteRequest { refs, ..DeleteRequest::default() }).await.unwrap();
    // From all of them down to the first number that fits, and then the others.
    for rows in (MEMBERS - 120..=MEMBERS).rev().step_by(6) {
        let back = subject.undelete_unseen(0..rows).await;
        let is_done = back.is_ok();
        all.push(heard(&subject, format!("{rows} {back:?}")).await);
        if is_done {
            assert!(rows < MEMBERS, "all of them must not fit");
            subject.undelete_unseen(rows..MEMBERS).await.unwrap();
            break;
        }
    }
    assert_eq!(subject.base.view().await.summary().counts.total(), u64::from(MEMBERS));
    for rows in (1_100..1_260).rev().step_by(6) {
        let strict = change(&subject, rows, Some("b")).await;
        let is_done = strict.is_ok();
        all.push(heard(&subject, format!("{rows} {strict:?}")).await);
        if is_done {
            break;
        }
    }
    let cleared = change(&subject, MEMBERS, None).await;
    all.push(heard(&subject, format!("{cleared:?}")).await);
    let refs = (0..1_000).map(ref_of).collect();
    let deleted = subject.base.delete(DeleteRequest { refs, ..DeleteRequest::default() }).await;
    all.push(heard(&subject, format!("{deleted:?}")).await);
    crate::table::audit::tests::assert_sound(&subject.engine).await;
    all
}

#[test]
fn hidden_fields_affect_no_revision_and_no_refusal() {
    block_on(async {
        let (bare, full) = (all_heard(&MemberPatch::default()).await, all_heard(&hidden()).await);
        let refused = bare.iter().filter(|answer| answer.contains("AtomicTooLarge")).count();
        assert!(refused > 2 && bare.len() > refused + 4, "{refused} of {}", bare.len());
        assert_eq!(bare.len(), full.len());
        for (bare, full) in bare.iter().zip(&full) {
            let at = bare.bytes().zip(full.bytes()).take_while(|(left, right)| left == right).count();
            let part = |text: &str| text.chars().skip(at.saturating_sub(60)).take(160).collect::<String>();
            assert!(bare == full, "…{}\n…{}", part(bare), part(full));
        }
    });
}
