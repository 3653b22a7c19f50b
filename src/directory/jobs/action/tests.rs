use proptest::prelude::*;

use super::*;
use crate::model::id::IdKey;
use crate::model::samples::patch;
use crate::model::{AttributePatch, Email, Name, Phone, Tier};
use crate::stored::documented::assert_text_documented;

const BASE: BaseNumber = BaseNumber(1);

fn sealer() -> Sealer {
    // The key of the ids that `docs/formats.md` shows.
    Sealer::new(IdKey(*b"0123456789abcdef"))
}

fn today() -> Date {
    Date::parse("2026-11-29").unwrap()
}

fn line(action: &Action) -> String {
    String::from_utf8(action.line(&sealer(), BASE).unwrap()).unwrap()
}

fn read(line: &str) -> Result<Action, Refusal> {
    Action::read(line.trim_end(), &sealer(), BASE, today())
}

fn actions(row: u64, patch: MemberPatch) -> [Action; 4] {
    let patch = MemberPatch { attributes: AttributePatch::default(), ..patch };
    let values = || Box::new(MemberRow { patch: patch.clone(), ..MemberRow::default() });
    [
        Action::Add(values()),
        Action::Replace(Row(row), values()),
        Action::Update(Row(row), values()),
        Action::Offboard(Row(row)),
    ]
}

proptest! {
    #[test]
    fn every_action_comes_back_from_its_line(patch in patch(), row in 0_u64..1 << 40) {
        for action in actions(row, patch) {
            let line = line(&action);
            prop_assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "{}", line);
            prop_assert_eq!(read(&line), Ok(action), "{}", line);
        }
    }
}

#[test]
fn lines_never_change() {
    let patch = MemberPatch {
        email: Change::Set(Email::parse("a@x.com").unwrap()),
        first_name: Change::Set(Name::parse("Ada").unwrap()),
        tier: Change::Set(Tier::parse("Gold").unwrap()),
        phone: Change::Set(Phone::parse("+447123456789").unwrap()),
        worker_id: Change::Clear,
        account_details: Change::Set(
            AccountDetails::parse_uk("Ada".to_owned(), "200000", "55779911").unwrap(),
        ),
        ..MemberPatch::default()
    };
    for action in actions(2, patch) {
        assert_text_documented(line(&action).trim_end());
    }
}

#[test]
fn results_show_whom_an_action_names() {
    let shown = |line: &str| {
        let ShownAction { key, row, is_offboard } = Action::shown(line, &sealer(), BASE);
        (key, row, is_offboard)
    };
    let key = |key: &str| Some(key.to_owned());
    let id = sealer().member_id(BASE, Row(2));
    let about = |action: &str, more: &str| format!(r#"{{"action":"{action}","id":"{id}"{more}}}"#);
    let both = r#"{"action":"add","member":{"email":"a@x.com","worker_id":"w"}}"#;
    assert_eq!(shown(both), (key("a@x.com"), None, false));
    let update = about("update", r#","member":{"email":null,"worker_id":"w"}"#);
    assert_eq!(shown(&update), (key("w"), Some(Row(2)), false));
    assert_eq!(shown(&about("offboard", "")), (None, Some(Row(2)), true));
    assert_eq!(shown("x"), (None, None, false));
}

#[test]
fn a_line_that_is_no_action_is_refused() {
    let id = sealer().member_id(BASE, Row(2));
    for line in [
        String::new(),
        r#"{"action":"delete"}"#.to_owned(),
        r#"{"action":"add"}"#.to_owned(),
        r#"{"action":"offboard"}"#.to_owned(),
        r#"{"action":"offboard","id":"m_1"}"#.to_owned(),
        format!(r#"{{"action":"offboard","id":"{}"}}"#, sealer().member_id(BaseNumber(2), Row(2))),
        format!(r#"{{"action":"offboard","id":"{id}","more":1}}"#),
        format!(r#"{{"action":"update","id":"{id}"}}"#),
        r#"{"action":"add","member":{"email":"nobody"}}"#.to_owned(),
        r#"{"action":"add","member":{"colour":"red"}}"#.to_owned(),
    ] {
        assert!(read(&line).is_err(), "{line}");
    }
}
