use serde_json::json;

use super::*;
use crate::directory::Action as Wanted;
use crate::model::id::IdKey;

const BASE: BaseNumber = BaseNumber(1);

fn sealer() -> Sealer {
    Sealer::new(IdKey(*b"0123456789abcdef"))
}

fn read(body: &Value) -> Result<Wanted, Vec<(Code, String)>> {
    let sealer = sealer();
    let reading = Reading { sealer: &sealer, base: BASE, today: Date::parse("2026-01-01").unwrap() };
    reading.read(body.to_string().as_bytes()).map_err(|unread| {
        assert!(!unread.is_broken);
        unread.issues.into_iter().map(|issue| (issue.code, issue.path.unwrap())).collect()
    })
}

fn faults(body: &Value) -> Vec<(Code, String)> {
    read(body).unwrap_err()
}

fn body(path: &str) -> (Code, String) {
    (Code::BodyValidation, path.to_owned())
}

#[test]
fn each_type_is_read_as_the_call_about_one_member() {
    let id = sealer().member_id_onsi(BASE, Row(2));
    let whole = json!({"email": "a@x.com", "firstName": "Ada", "lastName": "Example", "tier": "Gold"});
    let with = |more: Value| {
        let mut all = whole.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let Ok(Wanted::Add(added)) = read(&with(json!({"type": "Add"}))) else { panic!() };
    assert!(added.patch.phone.is_keep());
    let Ok(Wanted::Replace(Row(2), replaced)) = read(&with(json!({"type": "Replace", "memberId": id})))
    else {
        panic!()
    };
    // What a replacement leaves out is cleared, except bank details.
    assert!(replaced.patch.phone == Change::Clear && replaced.patch.account_details.is_keep());
    let update = json!({"type": "Update", "memberId": id.replace("mem_", "m_"), "accountDetails": null});
    let Ok(Wanted::Update(Row(2), updated)) = read(&update) else { panic!() };
    assert!(updated.patch.account_details == Change::Clear && updated.patch.phone.is_keep());
    assert_eq!(read(&json!({"type": "Offboard", "memberId": id})), Ok(Wanted::Offboard(Row(2))));
}

#[test]
fn every_fault_of_an_action_is_found() {
    let id = sealer().member_id_onsi(BASE, Row(2));
    assert_eq!(faults(&json!({})), [body("type")]);
    assert_eq!(faults(&json!({"type": "Remove", "email": 5})), [body("type")]);
    assert_eq!(faults(&json!(5)), [body("")]);
    assert_eq!(faults(&json!({"type": "Offboard"})), [body("memberId")]);
    assert_eq!(faults(&json!({"type": "Offboard", "memberId": id, "email": 1})), [body("email")]);
    assert_eq!(faults(&json!({"type": "Offboard", "memberId": "mem_1"})), [body("memberId")]);
    assert_eq!(
        faults(
            &json!({"type": "Add", "memberId": id, "email": "nobody", "accountDetails": {"iban": "DE1", "accountHolder": "A"}})
        ),
        [
            body("email"),
            body("firstName"),
            body("lastName"),
            body("tier"),
            (Code::BankAccountInvalid, "accountDetails.iban".to_owned()),
            body("memberId"),
        ]
    );
    let elsewhere = sealer().member_id_onsi(BaseNumber(2), Row(2));
    let missing = (Code::MemberNotFound, "memberId".to_owned());
    for id in [elsewhere.as_str(), "mem_00000000000000000000000000"] {
        assert_eq!(faults(&json!({"type": "Offboard", "memberId": id})), std::slice::from_ref(&missing));
        let update = json!({"type": "Update", "memberId": id, "dob": "1800-01-01"});
        assert_eq!(faults(&update), [body("dob"), missing.clone()]);
    }
}

#[test]
fn what_is_not_json_ends_the_batch() {
    let sealer = sealer();
    let reading = Reading { sealer: &sealer, base: BASE, today: Date::parse("2026-01-01").unwrap() };
    assert!(reading.read(b"{\"type\": }").unwrap_err().is_broken);
    assert!(!reading.read(b"[1]").unwrap_err().is_broken);
}

#[test]
fn the_document_says_which_fields_each_type_has() {
    let schema = schemars::schema_for!(Action).to_value();
    let alternatives = schema["oneOf"].as_array().unwrap();
    let required = |index: usize| alternatives[index]["required"].clone();
    let new = ["email", "firstName", "lastName", "tier", "type"];
    assert_eq!(required(0), json!(new));
    assert_eq!(required(1), json!([&new[..], &["memberId"]].concat()));
    assert_eq!(required(2), json!(["type", "memberId"]));
    assert_eq!(required(3), json!(["type", "memberId"]));
    for (alternative, word) in alternatives.iter().zip(["Add", "Replace", "Update", "Offboard"]) {
        assert_eq!(alternative["properties"]["type"]["enum"], json!([word]));
        assert_eq!(alternative["additionalProperties"], json!(false), "{word}");
    }
}
