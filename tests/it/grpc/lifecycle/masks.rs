//! What a mask lets be written.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn absent_cleared_and_empty_differ_and_a_mask_decides_what_is_written() {
    let server = Server::start().await;
    let mut calls = calls(&server).await;
    let full = v1::MemberInput {
        company: Some("Acme".into()),
        role: Some("Driver".into()),
        ..input("a", "a@example.com")
    };
    calls.create(full, false).await.unwrap();
    let fields = |member: &v1::Member| (member.company.clone(), member.role.clone());

    let only_role = v1::MemberInput { role: Some("Cook".into()), ..Default::default() };
    let (after, _) = calls.update("a", only_role, None).await.unwrap();
    assert_eq!(fields(&after), (Some("Acme".into()), Some("Cook".into())));

    let clear = v1::MemberInput { clear_fields: vec!["company".into()], ..Default::default() };
    let (after, _) = calls.update("a", clear.clone(), None).await.unwrap();
    assert_eq!(fields(&after), (None, Some("Cook".into())));
    let (_, outcome) = calls.update("a", clear, None).await.unwrap();
    assert_eq!(outcome, Outcome::Unchanged);

    let empty = v1::MemberInput { role: Some(String::new()), ..Default::default() };
    let status = calls.update("a", empty, None).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "NAME_INVALID"), ["member.role"]);

    let more =
        v1::MemberInput { company: Some("New".into()), role: Some("Ignored".into()), ..Default::default() };
    let (after, _) = calls.update("a", more, Some(&["company", "first_name"])).await.unwrap();
    assert_eq!(fields(&after), (Some("New".into()), Some("Cook".into())));
    assert_eq!((after.first_name, after.email.as_deref()), (None, Some("a@example.com")));

    let status = calls.update("a", v1::MemberInput::default(), Some(&["shoe_size"])).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "UNKNOWN_FIELD"), ["update_mask.paths[0]"]);
    let statusful = v1::MemberInput { status: Some("active".into()), ..Default::default() };
    let status = calls.update("a", statusful, None).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FIELD_INVALID"), ["member.status"]);

    let (after, _) = calls.replace("a", input("a", "a@example.com")).await.unwrap();
    assert_eq!((fields(&after), after.first_name.as_deref()), ((None, None), Some("Ana")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_without_paths_is_no_mask() {
    let server = Server::start().await;
    let mut calls = Calls(server.base().await);
    calls.create(input("a", "a@example.com"), false).await.unwrap();
    let sent = v1::MemberInput { company: Some("Acme".into()), ..Default::default() };
    let (after, outcome) = calls.update("a", sent, Some(&[])).await.unwrap();
    assert_eq!((after.company.as_deref(), after.first_name.as_deref()), (Some("Acme"), Some("Ana")));
    assert_eq!(outcome, Outcome::Updated);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_beside_a_mask_is_not_even_looked_at() {
    let server = Server::start().await;
    let mut calls = Calls(server.base().await);
    calls.create(input("a", "a@example.com"), false).await.unwrap();
    // As it may look to somebody who read the member and may not see all of it.
    let whole = v1::MemberInput {
        company: Some("Acme".into()),
        email: Some("***".into()),
        phone: Some("12".into()),
        dob: Some("1990-**-**".into()),
        gender: Some("?".into()),
        status: Some("active".into()),
        tier: Some(String::new()),
        account_details: Some(v1::AccountDetails::default()),
        attributes: Some(struct_of(vec![("no key", number(1.0)), ("list", numbers())])),
        clear_fields: vec!["nothing".into(), "first_name".into()],
        ..Default::default()
    };
    let (after, _) = calls.update("a", whole.clone(), Some(&["company"])).await.unwrap();
    assert_eq!((after.company.as_deref(), after.email.as_deref()), (Some("Acme"), Some("a@example.com")));
    assert_eq!(after.first_name.as_deref(), Some("Ana"));
    // What the mask names is checked as ever.
    let status = calls.update("a", whole, Some(&["company", "phone"])).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "PHONE_INVALID"), ["member.phone"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_takes_no_attribute_away_that_nobody_knows() {
    let server = Server::start().await;
    let mut calls = Calls(server.base().await);
    calls.create(input("a", "a@example.com"), false).await.unwrap();
    let sized = |value| v1::MemberInput {
        attributes: Some(struct_of(vec![("shoeSize", number(value))])),
        ..Default::default()
    };
    // Protobuf's JSON form makes this of attributes.shoeSize.
    let rewritten: Option<&[&str]> = Some(&["first_name", "attributes.shoe_size"]);
    let status = calls.update("a", sized(44.0), rewritten).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "UNKNOWN_FIELD"), ["update_mask.paths[1]"]);
    server.schema(&calls.0.id, &[("shoeSize", "number"), ("note", "string")]).await;
    let (after, _) = calls.update("a", sized(44.0), Some(&["attributes.shoeSize"])).await.unwrap();
    assert_eq!(after.attributes, sized(44.0).attributes);
    let status = calls.update("a", sized(45.0), rewritten).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "UNKNOWN_FIELD"), ["update_mask.paths[1]"]);
    assert!(status.message().contains("shoe_size"), "{}", status.message());
    assert_eq!(calls.0.get("a").await.unwrap(), after);
    // One that the schema knows can be taken away again and again.
    for expected in [Outcome::Updated, Outcome::Unchanged] {
        let path: Option<&[&str]> = Some(&["attributes.shoeSize", "attributes.note"]);
        let (after, outcome) = calls.update("a", v1::MemberInput::default(), path).await.unwrap();
        assert_eq!((after.attributes.unwrap_or_default(), outcome), (struct_of(vec![]), expected));
    }
}

fn struct_of(pairs: Vec<(&str, prost_types::Value)>) -> prost_types::Struct {
    prost_types::Struct { fields: pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect() }
}

/// A value that no attribute takes.
fn numbers() -> prost_types::Value {
    let list = prost_types::ListValue { values: vec![number(1.0)] };
    prost_types::Value { kind: Some(prost_types::value::Kind::ListValue(list)) }
}
