//! Rows as callers send them. Every fault of a row is found, with its path in the row.

use prost_types::{Struct, Value, value::Kind};

use crate::api::grpc::v1;
use crate::model::field::ProfileField;
use crate::model::mask::Mask;
use crate::model::{
    AccountDetails, AttributePatch, AttributeValue, BaseNumber, Date, Dob, Doubts, Email, Gender, MatchBy,
    MemberRow, Name, Phone, Reason, Ref, Row, RowError, Rule, Sealer, Status, Tier, Violations, WorkerId,
};

/// How rows of a bulk call find their members.
#[derive(Clone, Copy)]
pub struct Finder<'a> {
    /// The key by which they do.
    pub match_by: MatchBy,
    /// Opens the ids of those that lack it.
    pub sealer: &'a Sealer,
    /// Where the members are.
    pub base: BaseNumber,
}

impl Finder<'_> {
    /// The place of the member that a row without the key names by its id.
    fn find(self, id: Option<&str>) -> Result<Row, (Reason, &'static str, String)> {
        let Some(id) = id else {
            let reason =
                if self.match_by == MatchBy::Ref { Reason::RefMissing } else { Reason::MatchKeyMissing };
            let text = "is required, because rows are matched by it";
            return Err((reason, self.match_by.as_str(), text.to_owned()));
        };
        match self.sealer.open_member_of(self.base, id) {
            Ok(Some(row)) => Ok(row),
            Ok(None) => {
                Err((Reason::MemberNotFound, "id", "is not that of a member of the memberbase".to_owned()))
            }
            Err(fault) => Err((Reason::IdMalformed, "id", fault.to_string())),
        }
    }
}

/// The row that `input` is. With a finder it must carry the key that it is matched by, or the id of its member.
pub fn row(input: v1::MemberInput, finder: Option<Finder<'_>>, today: Date) -> Result<MemberRow, RowError> {
    let match_by = finder.map(|finder| finder.match_by);
    let mut faults = Violations::default();
    let mut row = MemberRow { if_revision: input.if_revision, ..MemberRow::default() };
    let patch = &mut row.patch;
    patch.ref_ = parsed(&mut faults, "ref", input.r#ref, Ref::parse).into();
    let mut doubts = Doubts::default();
    patch.email = match finder {
        None => parsed(&mut faults, "email", input.email, Email::parse).into(),
        Some(_) => parsed(&mut faults, "email", input.email, |text| doubts.email(text)).unwrap_or_default(),
    };
    patch.first_name = parsed(&mut faults, "first_name", input.first_name, Name::parse).into();
    patch.last_name = parsed(&mut faults, "last_name", input.last_name, Name::parse).into();
    patch.phone = match finder {
        None => parsed(&mut faults, "phone", input.phone, Phone::parse).into(),
        Some(_) => parsed(&mut faults, "phone", input.phone, |text| doubts.phone(text)).unwrap_or_default(),
    };
    patch.worker_id = parsed(&mut faults, "worker_id", input.worker_id, WorkerId::parse).into();
    patch.tier = parsed(&mut faults, "tier", input.tier, Tier::parse).into();
    patch.dob = parsed(&mut faults, "dob", input.dob, |text| Dob::parse(&text, today)).into();
    patch.gender = parsed(&mut faults, "gender", input.gender, |text| Gender::parse(&text)).into();
    patch.role = parsed(&mut faults, "role", input.role, Name::parse).into();
    patch.company = parsed(&mut faults, "company", input.company, Name::parse).into();
    patch.enable_payroll = input.enable_payroll.into();
    patch.account_details = input.account_details.and_then(|details| account(&mut faults, details)).into();
    if let Some(attributes) = input.attributes {
        fill_attributes(&mut faults, &mut patch.attributes, attributes);
    }
    row.status = parsed(&mut faults, "status", input.status, |text| Status::parse(&text));
    for (index, name) in input.clear_fields.iter().enumerate() {
        if let Err(rule) = row.patch.clear_named(name, match_by) {
            faults.add(rule.reason(), format!("clear_fields[{index}]"), rule.describe());
        }
    }
    let mut is_key_refused = false;
    if let Some(finder) =
        finder.filter(|finder| faults.is_empty() && row.match_key(finder.match_by).is_none())
    {
        match finder.find(input.id.as_deref()) {
            Ok(place) => row.found_by_id = Some(place),
            Err(_) if finder.match_by == MatchBy::Email && doubts.has_email() => is_key_refused = true,
            Err((reason, field, text)) => faults.add(reason, field, text),
        }
    }
    row.doubts = doubts.some();
    if let Some(doubts) = &row.doubts
        && (is_key_refused || !faults.is_empty())
    {
        // Told with the others of a row that is refused anyhow.
        faults.extend(doubts.refuse());
    }
    faults.finish(row)
}

/// What `input` has for the fields that `mask` names. The rest is nobody's business: it is not parsed, so that a member that
/// was read can be sent back whole.
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

fn parsed<T>(
    faults: &mut Violations,
    field: &str,
    text: Option<String>,
    parse: impl FnOnce(String) -> Result<T, Rule>,
) -> Option<T> {
    text.and_then(|text| faults.check(field, parse(text)))
}

fn account(faults: &mut Violations, details: v1::AccountDetails) -> Option<AccountDetails> {
    let (kind, parsed) = match (details.uk, details.eu) {
        (Some(uk), None) => {
            ("uk", AccountDetails::parse_uk(uk.account_holder, &uk.sort_code, &uk.account_number))
        }
        (None, Some(eu)) => ("eu", AccountDetails::parse_eu(eu.account_holder, &eu.iban)),
        (None, None) | (Some(_), Some(_)) => {
            faults.add(Reason::BankAccountInvalid, "account_details", "must have exactly one of uk and eu");
            return None;
        }
    };
    match parsed {
        Ok(details) => Some(details),
        Err(parts) => {
            for (field, rule) in parts {
                faults.add(rule.reason(), format!("account_details.{kind}.{field}"), rule.describe());
            }
            None
        }
    }
}

fn fill_attributes(faults: &mut Violations, patch: &mut AttributePatch, attributes: Struct) {
    for (key, value) in attributes.fields {
        let changed = match value.kind {
            None | Some(Kind::NullValue(_)) => patch.clear(key.as_str()),
            Some(kind) => attribute(kind).and_then(|value| patch.set(key.as_str(), value)),
        };
        if let Err(rule) = changed {
            faults.add(rule.reason(), format!("attributes.{key}"), rule.describe());
        }
    }
}

/// The value of an attribute, or nothing where it is null.
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
    use crate::model::IdKey;

    fn today() -> Date {
        Date::new(2026, 2, 3).unwrap()
    }

    fn sealer() -> Sealer {
        Sealer::new(IdKey([7; 16]))
    }

    fn parse(input: v1::MemberInput, match_by: MatchBy) -> Result<MemberRow, RowError> {
        row(input, Some(Finder { match_by, sealer: &sealer(), base: BaseNumber(1) }), today())
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
        // Another memberbase may be given what was exported here: rows with the key do not look at the id.
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
        // A call about one member is refused as ever.
        assert!(super::row(old(), None, today()).is_err());
        let phone = v1::MemberInput { email: None, ..both() };
        assert!(parse(phone.clone(), MatchBy::Ref).is_ok() && super::row(phone, None, today()).is_err());
    }

    #[test]
    fn genders_are_taken_whatever_their_case() {
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
