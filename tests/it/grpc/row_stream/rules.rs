//! The rules of a stream: its options, its messages, and its guard.

use memberbase::api::grpc::v1::{
    CreateMemberBaseRequest, FieldSemantics, GuardExpectation, MatchBy, MemberInput, Outcome,
    UpsertMembersOptions, UpsertMembersRequest,
};
use tonic::Code;

use super::{first, message, messages, options, reason, send, upsert};
use crate::harness::{Server, refused, row, rows, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_rows_has_no_answers() {
    let server = Server::start().await;
    let base = server.base().await;
    for none in [Vec::new(), vec![first(&base)], vec![first(&base), UpsertMembersRequest::default()]] {
        let (answers, end) = send(&base, none).await;
        end.unwrap();
        assert_eq!(answers, []);
    }
    // A message without a row has no answer, and the first message may have one.
    let both = UpsertMembersRequest { options: Some(options(&base)), ..message(5, row("a")) };
    let empty = UpsertMembersRequest { sequence: 6, ..Default::default() };
    let (answers, end) = send(&base, vec![both, empty, message(5, row("b"))]).await;
    end.unwrap();
    assert_eq!(answers.iter().map(|answer| answer.sequence).collect::<Vec<_>>(), [5, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_apply_to_every_row() {
    let server = Server::start().await;
    let mut base = server.base().await;
    base.fill(rows("a", 2)).await;
    let given = UpsertMembersOptions {
        match_by: MatchBy::Email.into(),
        semantics: FieldSemantics::Replace.into(),
        ..options(&base)
    };
    let by_email = |n: usize| MemberInput { email: Some(format!("A{n}@example.com")), ..Default::default() };
    let first = UpsertMembersRequest { options: Some(given), ..message(1, by_email(0)) };
    let (answers, end) = send(&base, vec![first, message(2, by_email(1)), message(3, by_email(9))]).await;
    end.unwrap();
    let outcomes: Vec<_> = answers.iter().map(|answer| answer.outcome()).collect();
    assert_eq!(outcomes, [Outcome::Updated, Outcome::Updated, Outcome::Created]);
    let member = base.get("a1").await.unwrap();
    assert_eq!((member.first_name, member.email.as_deref()), (None, Some("A1@example.com")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_the_rules_ends_and_answered_rows_stay() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let (answers, end) = send(&base, vec![message(1, row("x"))]).await;
    assert_eq!(refused(&end.unwrap_err(), Code::InvalidArgument, "FIELD_REQUIRED"), ["options"]);
    assert_eq!(answers, []);

    let (answers, end) = send(&base, vec![first(&base), message(1, row("a")), first(&base)]).await;
    assert_eq!(refused(&end.unwrap_err(), Code::InvalidArgument, "FIELD_INVALID"), ["options"]);
    assert_eq!(answers.len(), 1);

    let wrong = |options: UpsertMembersOptions| {
        vec![UpsertMembersRequest { options: Some(options), ..message(1, row("x")) }]
    };
    let unknown = UpsertMembersOptions { match_by: 99, semantics: 99, ..options(&base) };
    let (_, end) = send(&base, wrong(unknown)).await;
    let fields = refused(&end.unwrap_err(), Code::InvalidArgument, "FIELD_INVALID");
    assert_eq!(fields, ["options.match_by", "options.semantics"]);

    let malformed = UpsertMembersOptions { member_base_id: "nothing".into(), ..Default::default() };
    let (_, end) = send(&base, wrong(malformed)).await;
    let fields = refused(&end.unwrap_err(), Code::InvalidArgument, "ID_MALFORMED");
    assert_eq!(fields, ["options.member_base_id"]);

    let nowhere =
        UpsertMembersOptions { member_base_id: format!("mb_{}", "0".repeat(26)), ..Default::default() };
    let (_, end) = send(&base, wrong(nowhere)).await;
    refused(&end.unwrap_err(), Code::NotFound, "MEMBER_BASE_NOT_FOUND");

    let fields = [("a".to_owned(), text(&"x".repeat(256 * 1024)))].into();
    let huge = MemberInput { attributes: Some(prost_types::Struct { fields }), ..row("huge") };
    let (answers, end) = send(&base, messages(&base, vec![row("b"), huge, row("x")])).await;
    refused(&end.unwrap_err(), Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    assert_eq!(answers.len(), 1);
    assert_eq!(base.refs(Vec::new()).await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guard_judges_the_rows_of_a_stream() {
    const LEAVERS: usize = 20;
    let server = Server::start().await;
    let request = CreateMemberBaseRequest { name: "Guarded".into(), ..Default::default() };
    let mut base = server.base_with(request).await;
    base.fill(rows("a", 60)).await;
    let leaver = |n: usize| MemberInput { status: Some("inactive".into()), ..row(&format!("a{n}")) };
    let members: Vec<_> = (0..LEAVERS).map(leaver).chain([row("new")]).collect();

    let kept = upsert(&base, members.clone()).await;
    assert!(kept[..LEAVERS].iter().all(|answer| answer.status_kept && reason(answer).is_empty()));
    assert!(!kept[LEAVERS].status_kept);

    let given = UpsertMembersOptions { apply_status: true, ..options(&base) };
    let with = |given: UpsertMembersOptions| {
        let mut all = messages(&base, members.clone());
        all[0].options = Some(given);
        all
    };
    let (answers, end) = send(&base, with(given.clone())).await;
    end.unwrap();
    let refused = answers.iter().filter(|answer| reason(answer) == "REMOVAL_GUARD").count();
    let inactive = answers.iter().filter(|answer| answer.outcome() == Outcome::Updated).count();
    // A fifth of 60 may leave; which of them do depends on which rows arrived together.
    assert!(inactive <= 12 && refused == LEAVERS - inactive, "{inactive} of {LEAVERS} left");

    let expect = Some(GuardExpectation { removals: Some(LEAVERS as u64), ..Default::default() });
    let (answers, end) = send(&base, with(UpsertMembersOptions { expect, ..given })).await;
    end.unwrap();
    assert!(answers.iter().all(|answer| reason(answer).is_empty()), "{answers:?}");
    assert_eq!(base.get("a19").await.unwrap().status, "inactive");
}
