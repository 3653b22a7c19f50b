//! Random members and rows for property tests, made of few different values, so that equal ones occur.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use crate::model::attributes::attribute::{AttributePatch, AttributeValue, Attributes};
use crate::model::bank::account::AccountDetails;
use crate::model::contact::email::Email;
use crate::model::contact::phone::Phone;
use crate::model::guard::limits::GuardLimits;
use crate::model::memberbase::base::BaseSettings;
use crate::model::membership::alias::RefAlias;
use crate::model::membership::member::{Gender, Member, Profile, Status};
use crate::model::row::change::Change;
use crate::model::row::field::ProfileField;
use crate::model::row::input::{MemberRow, UpsertOptions};
use crate::model::row::match_by::{MatchBy, Semantics};
use crate::model::row::patch::MemberPatch;
use crate::model::row::raw_row::{RawAttribute, RawRow};
use crate::model::value::text::{BaseName, Name, Ref, Tier, WorkerId};
use crate::model::value::time::{Date, Timestamp};

/// Texts that become ambiguous if fields are joined without their lengths.
fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "ab", "aa", "aab", "A", "é", "日本"]).prop_map(str::to_owned)
}

fn parsed<T: std::fmt::Debug>(parse: fn(String) -> T) -> impl Strategy<Value = T> {
    text().prop_map(parse)
}

fn email() -> impl Strategy<Value = Email> {
    text().prop_map(|text| Email::parse(format!("{text}@example.com")).unwrap())
}

fn phone() -> impl Strategy<Value = Phone> {
    prop::sample::select(vec!["+4412345678", "+4412345679", "+15551234567"])
        .prop_map(|text| Phone::parse(text).unwrap())
}

fn date() -> impl Strategy<Value = Date> {
    (1900_i16..1904, 1_i8..3, 1_i8..4).prop_map(|(year, month, day)| Date::new(year, month, day).unwrap())
}

fn gender() -> impl Strategy<Value = Gender> {
    prop::sample::select(Gender::ALL.to_vec())
}

/// Any status.
pub(crate) fn status() -> impl Strategy<Value = Status> {
    prop::sample::select(Status::ALL.to_vec())
}

fn account() -> impl Strategy<Value = AccountDetails> {
    prop_oneof![
        text().prop_map(|holder| AccountDetails::parse_uk(holder, "123456", "12345678").unwrap()),
        text().prop_map(|holder| AccountDetails::parse_eu(holder, "DE89370400440532013000").unwrap()),
    ]
}

/// Any attribute value.
pub(crate) fn attribute_value() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        text().prop_map(|text| AttributeValue::text(text).unwrap()),
        (-2_i8..3).prop_map(|number| AttributeValue::number(f64::from(number) / 2.0).unwrap()),
        any::<bool>().prop_map(AttributeValue::bool),
        vec(text(), 0..3).prop_map(|items| AttributeValue::list(items).unwrap()),
    ]
}

fn attribute_key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "ab"]).prop_map(str::to_owned)
}

/// Any attributes of up to three keys.
pub(crate) fn attributes() -> impl Strategy<Value = Attributes> {
    btree_map(attribute_key(), attribute_value(), 0..4)
        .prop_map(|entries| Attributes::from_stored(entries.into_iter().collect()))
}

/// Any profile.
pub(crate) fn profile() -> impl Strategy<Value = Profile> {
    let texts = (
        option::of(parsed(|text| Ref::parse(text).unwrap())),
        option::of(email()),
        option::of(parsed(|text| Name::parse(text).unwrap())),
        option::of(parsed(|text| Name::parse(text).unwrap())),
        option::of(phone()),
        option::of(parsed(|text| WorkerId::parse(text).unwrap())),
        option::of(parsed(|text| Tier::parse(text).unwrap())),
    );
    let others = (
        option::of(date()),
        option::of(gender()),
        option::of(parsed(|text| Name::parse(text).unwrap())),
        option::of(parsed(|text| Name::parse(text).unwrap())),
        option::of(any::<bool>()),
        option::of(account()),
    );
    (texts, others).prop_map(|(texts, others)| Profile {
        ref_: texts.0,
        email: texts.1,
        first_name: texts.2,
        last_name: texts.3,
        phone: texts.4,
        worker_id: texts.5,
        tier: texts.6,
        dob: others.0,
        gender: others.1,
        role: others.2,
        company: others.3,
        enable_payroll: others.4,
        account_details: others.5,
    })
}

/// Any member, with small times and revisions.
pub(crate) fn member() -> impl Strategy<Value = Member> {
    let alias = (text(), 0..4_i64).prop_map(|(text, until)| RefAlias {
        ref_: Ref::parse(text).unwrap(),
        until: Timestamp::from_micros(until),
    });
    (profile(), attributes(), vec(alias, 0..3), status(), 0..4_i64, 0..4_i64, 1..4_u64).prop_map(
        |(profile, attributes, aliases, status, created_at, age, revision)| Member {
            profile,
            attributes,
            aliases,
            status,
            created_at: Timestamp::from_micros(created_at),
            updated_at: Timestamp::from_micros(created_at + age),
            revision,
        },
    )
}

fn change<T: Clone + std::fmt::Debug>(value: Option<T>, clear: bool) -> Change<T> {
    match value {
        Some(value) => Change::Set(value),
        None if clear => Change::Clear,
        None => Change::Keep,
    }
}

fn attribute_patch() -> impl Strategy<Value = AttributePatch> {
    (any::<bool>(), btree_map(attribute_key(), option::of(attribute_value()), 0..4)).prop_map(
        |(replace_all, changes)| {
            let mut patch = AttributePatch::default();
            patch.replace_all = replace_all;
            for (key, value) in changes {
                match value {
                    Some(value) => patch.set(key, value).unwrap(),
                    None => patch.clear(key).unwrap(),
                }
            }
            patch
        },
    )
}

/// Any changes.
pub(crate) fn patch() -> impl Strategy<Value = MemberPatch> {
    // Half of the patches set no profile field, so that clears and attributes decide.
    let profile = prop_oneof![profile(), Just(Profile::default())];
    let clear = prop_oneof![any::<[bool; 13]>(), Just([false; 13])];
    (profile, clear, attribute_patch()).prop_map(|(profile, clear, attributes)| MemberPatch {
        ref_: change(profile.ref_, clear[0]),
        email: change(profile.email, clear[1]),
        first_name: change(profile.first_name, clear[2]),
        last_name: change(profile.last_name, clear[3]),
        phone: change(profile.phone, clear[4]),
        worker_id: change(profile.worker_id, clear[5]),
        tier: change(profile.tier, clear[6]),
        dob: change(profile.dob, clear[7]),
        gender: change(profile.gender, clear[8]),
        role: change(profile.role, clear[9]),
        company: change(profile.company, clear[10]),
        enable_payroll: change(profile.enable_payroll, clear[11]),
        account_details: change(profile.account_details, clear[12]),
        attributes,
    })
}

/// Any row, without `if_revision`.
pub(crate) fn row() -> impl Strategy<Value = MemberRow> {
    (patch(), option::of(status())).prop_map(|(patch, status)| MemberRow {
        patch,
        status,
        ..MemberRow::default()
    })
}

/// Any options.
pub(crate) fn options() -> impl Strategy<Value = UpsertOptions> {
    let match_by = prop::sample::select(vec![MatchBy::Ref, MatchBy::Email, MatchBy::WorkerId, MatchBy::Id]);
    let semantics = prop::sample::select(vec![Semantics::Merge, Semantics::Replace]);
    let flags = (any::<bool>(), any::<bool>());
    (match_by, semantics, flags).prop_map(|(match_by, semantics, (reactivate, apply_status))| UpsertOptions {
        apply_status,
        match_by,
        semantics,
        reactivate,
        ..UpsertOptions::default()
    })
}

/// A row with these texts.
pub fn raw_row(texts: &[(ProfileField, &str)]) -> RawRow<Option<RawAttribute>> {
    let mut row = RawRow::default();
    for (field, text) in texts {
        let sent = match field {
            ProfileField::Ref => &mut row.ref_,
            ProfileField::Email => &mut row.email,
            ProfileField::FirstName => &mut row.first_name,
            ProfileField::LastName => &mut row.last_name,
            ProfileField::Phone => &mut row.phone,
            ProfileField::WorkerId => &mut row.worker_id,
            ProfileField::Tier => &mut row.tier,
            ProfileField::Dob => &mut row.dob,
            ProfileField::Gender => &mut row.gender,
            ProfileField::Role => &mut row.role,
            ProfileField::Company => &mut row.company,
            ProfileField::EnablePayroll => {
                row.enable_payroll = Change::Set(*text == "true");
                continue;
            }
            ProfileField::AccountDetails | ProfileField::Attributes => panic!("{field:?} is not a text"),
        };
        *sent = Change::Set((*text).to_owned());
    }
    row
}

/// The settings of a memberbase of this name without a guard.
pub fn unguarded(name: &str) -> BaseSettings {
    let name = BaseName::parse(name).unwrap();
    BaseSettings { guard_limits: GuardLimits::OFF, ..BaseSettings::named(name) }
}
