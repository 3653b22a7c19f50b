use serde_json::Value;

use super::{earlier, key, row};
use crate::lists::{Field, RowRule};
use crate::model::Change;

#[test]
fn a_key_that_is_there_sets_or_clears_and_others_keep() {
    let first =
        row(r#"{"ref": "a", "tier": null, "enable_payroll": false, "attributes": {"x": 1, "y": null}}"#);
    let first = first.unwrap();
    assert_eq!(first.ref_, Change::Set("a".into()));
    assert_eq!((first.tier, first.role), (Change::Clear, Change::Keep));
    assert_eq!(first.enable_payroll, Change::Set(false));
    let values = [("x".to_owned(), Some(Value::from(1))), ("y".to_owned(), Some(Value::Null))];
    assert_eq!((first.attributes.is_whole, first.attributes.values), (true, values.to_vec()));
    let second = r#"{"ref":"b","account_details":{"eu":{"account_holder":"B","iban":"DE89"}},"clear_fields":["tier"]}"#;
    let second = row(second).unwrap();
    let Change::Set(account) = second.account_details else { panic!("no account") };
    assert_eq!(account.eu.unwrap().iban, "DE89");
    assert_eq!((second.clear_fields, second.attributes.is_whole), (vec!["tier".to_owned()], false));
    assert!(matches!(row(r#"{"account_details":null}"#).unwrap().account_details, Change::Clear));
}

#[test]
fn a_line_that_is_not_a_member_is_a_failed_row_with_the_reason() {
    for (line, rule, field) in [
        (r#"{"ref": "a", "nickname": "b"}"#, RowRule::UnknownField, "nickname"),
        (r#"{"ref": "a", "ref": "b"}"#, RowRule::InvalidField, "ref"),
        (r#"{"ref": 7}"#, RowRule::InvalidField, "ref"),
        (r#"{"ref": "a", "tier": ["b"]}"#, RowRule::InvalidField, "tier"),
        (
            r#"{"account_details": {"uk": {"sort_code": 1}}}"#,
            RowRule::InvalidField,
            "account_details.uk.sort_code",
        ),
        (r#"{"account_details": {"us": {}}}"#, RowRule::UnknownField, "account_details.us"),
        (
            r#"{"account_details": {"eu": {"iban": "", "iban": ""}}}"#,
            RowRule::InvalidField,
            "account_details.eu.iban",
        ),
        (r#"{"clear_fields": ["a", 1]}"#, RowRule::InvalidField, "clear_fields[1]"),
        (r#"{"attributes": 7}"#, RowRule::InvalidField, "attributes"),
        (r#"{"if_revision": -1}"#, RowRule::InvalidField, "if_revision"),
        (r#"{"ref": "a"} x"#, RowRule::InvalidJson, ""),
        (r#"{"ref": "a""#, RowRule::InvalidJson, ""),
        (r#"["a"]"#, RowRule::InvalidJson, ""),
        ("null", RowRule::InvalidJson, ""),
    ] {
        let fault = row(line).unwrap_err();
        assert_eq!((fault.rule, fault.column.as_str()), (rule, field), "{line}: {fault:?}");
        assert!(!fault.message.contains("line 1"), "{fault:?}");
    }
}

#[test]
fn columns_that_only_an_export_adds_are_ignored() {
    let line = r#"{"id":"m_1","member_base_id":"mb_1","ref":"a","status":"active","created_at":"x","updated_at":"y","revision":7}"#;
    let row = row(line).unwrap();
    assert_eq!(
        (row.id.as_deref(), row.status.as_deref(), row.if_revision),
        (Some("m_1"), Some("active"), None)
    );
}

#[test]
fn a_line_with_faults_tells_whom_it_is_about_and_why_it_failed_before() {
    let line =
        r#"{"failed":{"line":3,"reason":"TAKEN","field":"","message":"no"},"ref":"a","email":7,"nick":"x"}"#;
    assert_eq!(key(line, Field::Ref).as_deref(), Some("a"));
    assert_eq!(
        (key(line, Field::Email), key(line, Field::WorkerId), key("nonsense", Field::Ref)),
        (None, None, None)
    );
    assert_eq!(earlier(line).unwrap().reason, "TAKEN");
    assert_eq!(earlier(r#"{"ref":"failed"}"#), None);
}
