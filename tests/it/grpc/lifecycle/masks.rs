//! Which fields a mask allows to be written.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn absent_cleared_and_empty_fields_differ_and_a_mask_selects_the_written_ones() {
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
async fn a_mask_without_paths_counts_as_no_mask() {
    let server = Server::start().await;
    let mut calls = Calls(server.base().await);
    calls.create(input("a", "a@example.com"), false).await.unwrap();
    let sent = v1::MemberInput { company: Some("Acme".into()), ..Default::default() };
    let (after, outcome) = calls.update("a", sent, Some(&[])).await.unwrap();
    assert_eq!((after.company.as_deref(), after.first_name.as_deref()), (Some("Acme"), Some("Ana")));
    assert_eq!(outcome, Outcome::Updated);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_outside_a_mask_are_not_even_checked() {
    let server = Server::start().await;
    let mut calls = Calls(server.base().await);
    calls.create(input("a", "a@example.com"), false).await.unwrap();
    // A member as a caller without all rights may have read it.
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
    // Fields in the mask are checked as usual.
    let status = calls.update("a", whole, Some(&["company", "phone"])).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "PHONE_INVALID"), ["member.phone"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_removes_no_unknown_attribute() {
    let server = Server::start().await;
    let mut calls = Calls(server.base().await);
    calls.create(input("a", "a@example.com"), false).await.unwrap();
    let sized = |value| v1::MemberInput {
        attributes: Some(struct_of(vec![("shoeSize", number(value))])),
        ..Default::default()
    };
    // Protobuf's JSON form turns attributes.shoeSize into this.
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
    // A known attribute can be removed repeatedly.
    for expected in [Outcome::Updated, Outcome::Unchanged] {
        let path: Option<&[&str]> = Some(&["attributes.shoeSize", "attributes.note"]);
        let (after, outcome) = calls.update("a", v1::MemberInput::default(), path).await.unwrap();
        assert_eq!((after.attributes.unwrap_or_default(), outcome), (struct_of(vec![]), expected));
    }
}

fn struct_of(pairs: Vec<(&str, prost_types::Value)>) -> prost_types::Struct {
    prost_types::Struct { fields: pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect() }
}

/// A value that no attribute accepts.
fn numbers() -> prost_types::Value {
    let list = prost_types::ListValue { values: vec![number(1.0)] };
    prost_types::Value { kind: Some(prost_types::value::Kind::ListValue(list)) }
}
