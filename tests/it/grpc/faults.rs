//! Bad rows among many good ones: exactly the bad rows fail, each with its reason and field.

use std::collections::BTreeMap;

use memberbase::api::grpc::v1::{self, AccountDetails, BulkMode, MemberInput, Outcome, UkAccount};
use prost_types::Struct;

use crate::harness::{Server, number, rows};

const ROWS: usize = 10_000;
const FAULTS: usize = 137;

/// A way to spoil a row, with the reason and the field that the row must fail with.
type Spoil = (fn(&mut MemberInput), &'static str, &'static str);

const SPOILS: [Spoil; 13] = [
    (|row| row.r#ref = Some(String::new()), "REF_INVALID", "ref"),
    (|row| row.r#ref = None, "REF_MISSING", "ref"),
    (|row| row.email = Some("not an address".into()), "EMAIL_INVALID", "email"),
    (|row| row.email = Some("taken@example.com".into()), "EMAIL_TAKEN", "email"),
    (|row| row.worker_id = Some("taken".into()), "WORKER_ID_TAKEN", "worker_id"),
    (|row| row.phone = Some("0800".into()), "PHONE_INVALID", "phone"),
    (|row| row.dob = Some("2999-01-01".into()), "DOB_INVALID", "dob"),
    (|row| row.gender = Some("F".into()), "GENDER_INVALID", "gender"),
    (|row| row.first_name = Some("x".repeat(257)), "NAME_INVALID", "first_name"),
    (|row| row.status = Some("retired".into()), "STATUS_INVALID", "status"),
    (|row| row.clear_fields = vec!["shoe_size".into()], "UNKNOWN_FIELD", "clear_fields[0]"),
    (
        |row| {
            let uk = UkAccount {
                account_holder: "A".into(),
                sort_code: "12".into(),
                account_number: "12345678".into(),
            };
            row.account_details = Some(AccountDetails { uk: Some(uk), eu: None });
        },
        "BANK_ACCOUNT_INVALID",
        "account_details.uk.sort_code",
    ),
    (
        |row| row.attributes = Some(Struct { fields: [("a b".to_owned(), number(1.0))].into() }),
        "ATTRIBUTE_INVALID",
        "attributes.a b",
    ),
];

/// Rows with faults in known places.
fn planted() -> (Vec<MemberInput>, BTreeMap<usize, (&'static str, &'static str)>) {
    let mut members = rows("a", ROWS);
    let mut faults = BTreeMap::new();
    for i in 0..FAULTS {
        let place = i * 71 + 13;
        let (spoil, reason, field) = SPOILS[i % SPOILS.len()];
        spoil(&mut members[place]);
        faults.insert(place, (reason, field));
    }
    (members, faults)
}

fn check(reply: &v1::BulkUpsertMembersResponse, faults: &BTreeMap<usize, (&str, &str)>) {
    let counts = reply.counts.unwrap();
    assert_eq!((counts.created as usize, counts.failed as usize), (ROWS - FAULTS, FAULTS));
    for (place, result) in reply.results.iter().enumerate() {
        assert_eq!(result.index as usize, place);
        match (faults.get(&place), &result.error) {
            (None, None) => assert_eq!(result.outcome(), Outcome::Created),
            (Some((reason, field)), Some(error)) => {
                assert_eq!(
                    (error.reason.as_str(), error.violations[0].field.as_str()),
                    (*reason, *field),
                    "{place}"
                );
                assert!(!error.message.is_empty() && result.outcome() == Outcome::Failed);
            }
            (planted, found) => panic!("row {place}: planted {planted:?}, found {found:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_planted_faults_fail_in_every_mode() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let owner = MemberInput {
        email: Some("Taken@example.com".into()),
        worker_id: Some("taken".into()),
        ..crate::harness::row("owner")
    };
    base.fill(vec![owner]).await;
    let (members, faults) = planted();
    assert_eq!(faults.len(), FAULTS);

    let mut request = base.request(members);
    request.mode = BulkMode::ValidateOnly.into();
    let validated = base.send(request.clone()).await;
    check(&validated, &faults);
    assert!(
        validated.results.iter().all(|result| result.outcome() != Outcome::Created || result.id.is_empty())
    );
    assert_eq!(base.refs(Vec::new()).await, ["owner"]);

    request.mode = BulkMode::Atomic.into();
    let atomic = base.send(request.clone()).await;
    assert_eq!(atomic.counts.unwrap().failed as usize, ROWS);
    let own: BTreeMap<usize, &str> = atomic
        .results
        .iter()
        .map(|result| (result.index as usize, result.error.as_ref().unwrap().reason.as_str()))
        .filter(|(_, reason)| *reason != "BATCH_REJECTED")
        .collect();
    assert_eq!(own, faults.iter().map(|(place, (reason, _))| (*place, *reason)).collect());
    assert_eq!(base.refs(Vec::new()).await, ["owner"]);

    request.mode = BulkMode::Partial.into();
    let partial = base.send(request).await;
    check(&partial, &faults);
    assert_eq!(base.refs(Vec::new()).await.len(), ROWS - FAULTS + 1);
    let good = &partial.results[0];
    let get = v1::GetMemberRequest { id: Some(good.id.clone()), ..Default::default() };
    let member = base.client.get_member(get).await.unwrap().into_inner().member.unwrap();
    assert_eq!(member.r#ref, good.r#ref);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_first_thousand_bad_rows_have_details() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let bad =
        |i: usize| MemberInput { email: Some("nobody".into()), ..crate::harness::row(&format!("a{i}")) };
    let reply = base.upsert((0..1_200).map(bad).collect()).await;
    let errors: Vec<_> = reply.results.iter().map(|result| result.error.as_ref().unwrap()).collect();
    assert!(errors.iter().all(|error| error.code == "INVALID_ARGUMENT" && error.reason == "EMAIL_INVALID"));
    assert!(errors[..1_000].iter().all(|error| !error.message.is_empty() && error.violations.len() == 1));
    assert!(errors[1_000..].iter().all(|error| error.message.is_empty() && error.violations.is_empty()));
}
