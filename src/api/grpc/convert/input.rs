//! Rows as callers send them: messages become [`RawRow`]s.

use std::collections::{BTreeMap, btree_map};
use std::iter;

use prost_types::{Value, value::Kind};

use crate::api::grpc::v1;
use crate::model::field::ProfileField;
use crate::model::mask::Mask;
use crate::model::{
    AttributeValue, BaseNumber, Date, Finder, MatchBy, MemberRow, RawAccount, RawAttribute, RawEuAccount,
    RawRow, RawUkAccount, Reason, RowError, Rule, Sealer,
};

/// How the rows of a bulk call find their members, which are members of `base`.
pub fn finder(match_by: MatchBy, sealer: &Sealer, base: BaseNumber) -> Finder<'_> {
    Finder { match_by, ids: Some((sealer, base)), missing: "is required, because rows are matched by it" }
}

/// The row in `input`. With a finder, it must have the key by which rows are matched, or the id of its
/// member.
pub fn row(input: v1::MemberInput, finder: Option<Finder<'_>>, today: Date) -> Result<MemberRow, RowError> {
    let raw = RawRow {
        id: input.id,
        ref_: input.r#ref.into(),
        email: input.email.into(),
        first_name: input.first_name.into(),
        last_name: input.last_name.into(),
        phone: input.phone.into(),
        worker_id: input.worker_id.into(),
        tier: input.tier.into(),
        dob: input.dob.into(),
        gender: input.gender.into(),
        role: input.role.into(),
        company: input.company.into(),
        enable_payroll: input.enable_payroll.into(),
        account_details: input.account_details.map(account).into(),
        attributes: GivenAttributes(input.attributes.map(|given| given.fields).unwrap_or_default()),
        status: input.status,
        clear_fields: input.clear_fields,
        if_revision: input.if_revision,
    };
    raw.parse(today, finder)
}

/// Attributes as they were sent. As an iterator they are changes, as [`RawRow`] takes them.
#[derive(Debug, Clone, Default)]
pub struct GivenAttributes(pub BTreeMap<String, Value>);

impl IntoIterator for GivenAttributes {
    type Item = RawAttribute;
    type IntoIter = iter::Map<btree_map::IntoIter<String, Value>, fn((String, Value)) -> RawAttribute>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|(key, value)| (key, given_attribute(Some(value))))
    }
}

/// The fields of `input` that `mask` names. Other fields are not parsed, so that a caller may send back a
/// whole member that it has read.
pub fn masked(mut input: v1::MemberInput, mask: &Mask) -> v1::MemberInput {
    fn keep<T>(value: Option<T>, mask: &Mask, field: ProfileField) -> Option<T> {
        value.filter(|_| mask.names(field))
    }
    input.clear_fields.retain(|name| ProfileField::parse(name).is_some_and(|field| mask.names(field)));
    if let Some(attributes) = &mut input.attributes {
        attributes.fields.retain(|key, _| mask.names_attribute(key));
    }
    v1::MemberInput {
        r#ref: keep(input.r#ref, mask, ProfileField::Ref),
        email: keep(input.email, mask, ProfileField::Email),
        first_name: keep(input.first_name, mask, ProfileField::FirstName),
        last_name: keep(input.last_name, mask, ProfileField::LastName),
        phone: keep(input.phone, mask, ProfileField::Phone),
        worker_id: keep(input.worker_id, mask, ProfileField::WorkerId),
        tier: keep(input.tier, mask, ProfileField::Tier),
        dob: keep(input.dob, mask, ProfileField::Dob),
        gender: keep(input.gender, mask, ProfileField::Gender),
        role: keep(input.role, mask, ProfileField::Role),
        company: keep(input.company, mask, ProfileField::Company),
        enable_payroll: keep(input.enable_payroll, mask, ProfileField::EnablePayroll),
        account_details: keep(input.account_details, mask, ProfileField::AccountDetails),
        attributes: input.attributes,
        // No path names these.
        id: None,
        status: None,
        if_revision: input.if_revision,
        clear_fields: input.clear_fields,
    }
}

/// Bank details as they were sent.
pub fn account(details: v1::AccountDetails) -> RawAccount {
    let v1::AccountDetails { uk, eu } = details;
    RawAccount {
        uk: uk.map(|v1::UkAccount { account_holder, sort_code, account_number }| RawUkAccount {
            account_holder,
            sort_code,
            account_number,
        }),
        eu: eu.map(|v1::EuAccount { account_holder, iban }| RawEuAccount { account_holder, iban }),
    }
}

/// The value of an attribute; `None` for null.
pub fn given_attribute(value: Option<Value>) -> Option<Result<AttributeValue, Rule>> {
    match value.and_then(|value| value.kind) {
        None | Some(Kind::NullValue(_)) => None,
        Some(kind) => Some(attribute(kind)),
    }
}

fn attribute(kind: Kind) -> Result<AttributeValue, Rule> {
    let refused =
        || Rule::must_be(Reason::AttributeInvalid, "a string, a number, a boolean or an array of strings");
    match kind {
        Kind::StringValue(text) => AttributeValue::text(text),
        Kind::NumberValue(number) => AttributeValue::number(number),
        Kind::BoolValue(value) => Ok(AttributeValue::bool(value)),
        Kind::ListValue(list) => {
            let items = list.values.into_iter().map(|item| match item {
                Value { kind: Some(Kind::StringValue(text)) } => Ok(text),
                _ => Err(refused()),
            });
            AttributeValue::list(items.collect::<Result<_, _>>()?)
        }
        Kind::NullValue(_) | Kind::StructValue(_) => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Gender, IdKey, Row};

    fn today() -> Date {
        Date::new(2026, 2, 3).unwrap()
    }

    fn sealer() -> Sealer {
        Sealer::new(IdKey([7; 16]))
    }

    fn parse(input: v1::MemberInput, match_by: MatchBy) -> Result<MemberRow, RowError> {
        row(input, Some(finder(match_by, &sealer(), BaseNumber(1))), today())
    }

    fn faults(input: v1::MemberInput) -> Vec<String> {
        parse(input, MatchBy::Ref).unwrap_err().violations.into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn every_fault_of_a_row_is_found_with_its_path() {
        let input = v1::MemberInput {
            r#ref: Some(String::new()),
            email: Some("nobody".into()),
            phone: Some("12".into()),
            dob: Some("2026-02-30".into()),
            status: Some("gone".into()),
            account_details: Some(v1::AccountDetails {
                uk: Some(v1::UkAccount {
                    account_holder: "A".into(),
                    sort_code: "1".into(),
                    ..Default::default()
                }),
                eu: None,
            }),
            clear_fields: vec!["company".into(), "shoe_size".into()],
            ..Default::default()
        };
        let expected = [
            "ref",
            "email",
            "phone",
            "dob",
            "account_details.uk.sort_code",
            "account_details.uk.account_number",
            "status",
            "clear_fields[1]",
        ];
        assert_eq!(faults(input), expected);
    }

    #[test]
    fn a_row_without_the_key_that_it_is_matched_by_is_refused() {
        assert_eq!(faults(v1::MemberInput::default()), ["ref"]);
        let input = v1::MemberInput { r#ref: Some("a".into()), ..Default::default() };
        let refusal = parse(input, MatchBy::Email).unwrap_err();
        assert_eq!(refusal.reason, Reason::MatchKeyMissing);
    }

    #[test]
    fn a_row_without_its_key_is_found_by_its_id_and_one_with_it_is_not() {
        let of = |base, r#ref: Option<&str>| v1::MemberInput {
            id: Some(sealer().member_id(BaseNumber(base), Row(5))),
            r#ref: r#ref.map(str::to_owned),
            ..Default::default()
        };
        let place = |input, match_by| parse(input, match_by).map(|row| row.found_by_id);
        assert_eq!(place(of(1, None), MatchBy::Ref), Ok(Some(Row(5))));
        assert_eq!(place(of(1, Some("a")), MatchBy::Ref), Ok(None));
        assert_eq!(place(of(1, Some("a")), MatchBy::Email), Ok(Some(Row(5))));
        assert_eq!(place(of(1, Some("a")), MatchBy::Id), Ok(Some(Row(5))));
        let onsi =
            v1::MemberInput { id: Some(sealer().member_id_onsi(BaseNumber(1), Row(5))), ..of(1, None) };
        assert_eq!(place(onsi, MatchBy::Id), Ok(Some(Row(5))));
        // An export of this memberbase may be imported into another, so the id of a row with the key is
        // ignored.
        assert_eq!(place(of(2, Some("a")), MatchBy::Ref), Ok(None));
        let refused = |input, match_by| {
            let refusal = parse(input, match_by).unwrap_err();
            (refusal.reason, refusal.violations[0].field.clone())
        };
        assert_eq!(refused(of(2, None), MatchBy::Ref), (Reason::MemberNotFound, "id".to_owned()));
        assert_eq!(refused(of(2, Some("a")), MatchBy::Id), (Reason::MemberNotFound, "id".to_owned()));
        let malformed = v1::MemberInput { id: Some("7".into()), ..Default::default() };
        assert_eq!(refused(malformed, MatchBy::Ref), (Reason::IdMalformed, "id".to_owned()));
        let neither = v1::MemberInput { r#ref: Some("a".into()), ..Default::default() };
        assert_eq!(refused(neither, MatchBy::Id), (Reason::MatchKeyMissing, "id".to_owned()));
    }

    #[test]
    fn a_value_that_is_refused_today_waits_for_its_member_unless_it_is_the_key() {
        let old = || v1::MemberInput {
            r#ref: Some("a".into()),
            email: Some("ada@-example.com".into()),
            ..Default::default()
        };
        let row = parse(old(), MatchBy::Ref).unwrap();
        assert!(row.patch.email.is_keep() && row.doubts.is_some());
        let faults = |input, match_by| {
            let refusal = parse(input, match_by).unwrap_err();
            refusal.violations.into_iter().map(|fault| fault.field).collect::<Vec<_>>()
        };
        assert_eq!(
            faults(v1::MemberInput { phone: Some("12".into()), ..old() }, MatchBy::Ref),
            ["phone", "email"]
        );
        assert_eq!(faults(old(), MatchBy::Email), ["email"]);
        let both = || v1::MemberInput { phone: Some("+0123456789".into()), ..old() };
        let row = parse(both(), MatchBy::Ref).unwrap();
        assert!(row.patch.email.is_keep() && row.patch.phone.is_keep() && row.doubts.is_some());
        assert_eq!(
            faults(v1::MemberInput { tier: Some(String::new()), ..both() }, MatchBy::Ref),
            ["tier", "email", "phone"]
        );
        // A call about one member is still refused.
        assert!(super::row(old(), None, today()).is_err());
        let phone = v1::MemberInput { email: None, ..both() };
        assert!(parse(phone.clone(), MatchBy::Ref).is_ok() && super::row(phone, None, today()).is_err());
    }

    #[test]
    fn genders_are_accepted_in_any_case() {
        for text in ["nonbinary", "NONBINARY", "NonBinary"] {
            let input =
                v1::MemberInput { r#ref: Some("a".into()), gender: Some(text.into()), ..Default::default() };
            let gender = parse(input, MatchBy::Ref).unwrap().patch.gender;
            assert_eq!(gender.as_set(), Some(&Gender::NonBinary));
        }
    }

    #[test]
    fn a_field_cannot_be_both_set_and_cleared() {
        let input = v1::MemberInput {
            r#ref: Some("a".into()),
            company: Some("b".into()),
            clear_fields: vec!["company".into()],
            ..Default::default()
        };
        assert_eq!(faults(input), ["clear_fields[0]"]);
    }
}
