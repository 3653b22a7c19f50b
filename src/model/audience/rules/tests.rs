//! What may be done with audiences, rule by rule.

use super::*;
use crate::model::attributes::schema::{SentDefinition, parse_schema};
use crate::model::audience::samples::{audience, condition, filter, is_in};
use crate::model::filter::{RawFilter, RawValue};
use crate::model::value::time::Timestamp;

const FIRST: AudienceNumber = AudienceNumber(1);

fn name(text: &str) -> AudienceName {
    AudienceName::parse(text).unwrap()
}

fn uses(numbers: &[u32]) -> AudienceFilter {
    filter(numbers.iter().map(|number| is_in(*number)).collect())
}

fn archived(number: u32, text: &str, filter: AudienceFilter) -> Audience {
    Audience { archived_at: Some(Timestamp::from_micros(1)), ..audience(number, text, filter) }
}

fn all(audiences: impl IntoIterator<Item = Audience>) -> Audiences {
    audiences.into_iter().collect()
}

fn plain(number: u32, text: &str) -> Audience {
    audience(number, text, AudienceFilter::default())
}

fn schema(types: &[(&str, &str)]) -> AttributeSchema {
    let sent = types
        .iter()
        .map(|(key, kind)| ((*key).to_owned(), SentDefinition { kind: (*kind).to_owned(), indexed: false }));
    AttributeSchema::following(None, &parse_schema(sent).unwrap(), 1, Timestamp::from_micros(0))
}

/// The reason, the fields and the rules of a refusal.
fn told<T: std::fmt::Debug>(refused: Result<T, Refusal>) -> (Reason, Vec<(String, String)>) {
    let refusal = refused.unwrap_err();
    let faults = refusal.violations.into_iter().map(|fault| (fault.field, fault.description));
    (refusal.reason, faults.collect())
}

fn one(reason: Reason, field: &str, rule: &str) -> (Reason, Vec<(String, String)>) {
    (reason, vec![(field.to_owned(), rule.to_owned())])
}

#[test]
fn an_unknown_audience_is_not_found() {
    let none = Audiences::default();
    let not_found = (Reason::AudienceNotFound, Vec::new());
    assert_eq!(told(none.may_change(FIRST)), not_found);
    assert_eq!(told(none.may_update(FIRST, None, None, None)), not_found);
    assert_eq!(told(none.may_archive(FIRST)), not_found);
    assert_eq!(told(none.may_unarchive(FIRST, None)), not_found);
}

#[test]
fn a_name_belongs_to_one_audience_that_is_not_archived() {
    let two = all([plain(1, "A"), plain(2, "B"), archived(3, "C", AudienceFilter::default())]);
    let empty = AudienceFilter::default();
    let taken = one(
        Reason::AudienceNameTaken,
        "name",
        "must not be the name of another audience that is not archived",
    );
    assert_eq!(told(two.may_create(&name("A"), &empty, None)), taken);
    assert_eq!(told(two.may_update(FIRST, Some(&name(" B ")), None, None)), taken);
    assert!(two.may_update(FIRST, Some(&name("A")), None, None).is_ok());
    assert!(two.may_update(FIRST, Some(&name("a")), None, None).is_ok());
    assert!(two.may_create(&name("C"), &empty, None).is_ok());
    assert!(two.may_unarchive(AudienceNumber(3), None).is_ok());
    // An archived audience may get any name, and needs one that is free to come back.
    let again = all([archived(3, "C", empty), plain(4, "C")]);
    let (reason, faults) = told(again.may_unarchive(AudienceNumber(3), None));
    assert_eq!((reason, faults[0].0.as_str()), (Reason::AudienceNameTaken, "name"));
    assert!(faults[0].1.ends_with("; give this audience another name first"), "{faults:?}");
    assert!(again.may_update(AudienceNumber(3), Some(&name("C")), None, None).is_ok());
}

#[test]
fn an_archived_audience_has_no_members_and_is_not_named() {
    let some = all([plain(1, "A"), archived(2, "B", AudienceFilter::default())]);
    let refused =
        one(Reason::AudienceArchived, "audience_id", "must not be an archived audience; unarchive it first");
    assert_eq!(told(some.may_change(AudienceNumber(2))), refused);
    assert!(some.may_archive(AudienceNumber(2)).is_ok());
    let named = uses(&[1, 2, 9]);
    let faults = vec![
        ("filters[1].eq".to_owned(), "must not be an archived audience".to_owned()),
        ("filters[2].eq".to_owned(), NO_SUCH_AUDIENCE.to_owned()),
    ];
    assert_eq!(told(some.may_create(&name("D"), &named, None)), (Reason::FilterInvalid, faults));
    assert!(some.may_create(&name("D"), &uses(&[1]), None).is_ok());
}

#[test]
fn no_audience_uses_itself_and_the_refusal_shows_the_way() {
    let chain =
        all([plain(1, "A"), audience(2, "B", uses(&[1])), audience(3, "C", uses(&[2])), plain(4, "D")]);
    let update = |named: &[u32]| chain.may_update(FIRST, None, Some(&uses(named)), None);
    let cycle = |rule: &str| one(Reason::AudienceCycle, "filters[0].eq", rule);
    assert_eq!(told(update(&[1])), cycle("must not be the audience itself"));
    assert_eq!(told(update(&[3])), cycle("must not use the audience itself: \"C\" uses \"B\" uses \"A\""));
    assert!(update(&[4]).is_ok());
    let listed = RawFilter {
        key: Some("audience".to_owned()),
        nin: [4, 2].map(|number| RawValue::Text(crate::model::audience::samples::id(number))).to_vec().into(),
        ..RawFilter::default()
    };
    let (reason, faults) = told(chain.may_update(FIRST, None, Some(&filter(vec![listed])), None));
    assert_eq!((reason, faults[0].0.as_str()), (Reason::AudienceCycle, "filters[0].nin[1]"));
}

#[test]
fn an_audience_that_others_use_is_not_archived() {
    let used = all([plain(1, "A"), audience(2, "B", uses(&[1])), archived(3, "C", uses(&[1]))]);
    let refused = one(Reason::AudienceInUse, "audience_id", "must stay, because the audience \"B\" uses it");
    assert_eq!(told(used.may_archive(FIRST)), refused);
    assert!(used.may_archive(AudienceNumber(2)).is_ok());
    let mut many: Vec<Audience> =
        (2..30).map(|number| audience(number, &format!("u{number}"), uses(&[1]))).collect();
    many.push(plain(1, "A"));
    let (_, faults) = told(all(many).may_archive(FIRST));
    assert!(faults[0].1.ends_with("\"u21\" and 8 more use it"), "{faults:?}");
}

#[test]
fn unarchiving_asks_again_whether_the_filter_is_valid() {
    let two = all([archived(1, "A", AudienceFilter::default()), archived(2, "B", uses(&[1]))]);
    assert_eq!(told(two.may_unarchive(AudienceNumber(2), None)).0, Reason::FilterInvalid);
    assert!(two.may_unarchive(FIRST, None).is_ok());
    let on_city = filter(vec![condition("attributes.city", RawValue::Text("Rome".to_owned()))]);
    let city = all([archived(1, "A", on_city)]);
    assert!(city.may_unarchive(FIRST, Some(&schema(&[("city", "string")]))).is_ok());
    let refused = one(
        Reason::FilterInvalid,
        "filters[0].key",
        "must be a key of the attribute schema, which has no keys; the filter names attributes.city, so \
         change the filter of this audience, or the schema, first",
    );
    assert_eq!(told(city.may_unarchive(FIRST, Some(&schema(&[])))), refused);
    let (_, faults) = told(city.may_unarchive(FIRST, Some(&schema(&[("city", "number")]))));
    assert!(faults[0].0 == "filters[0].eq" && faults[0].1.contains("names attributes.city"), "{faults:?}");
    // The filter may be changed meanwhile, to one that is valid.
    let update = |filter: &AudienceFilter| {
        city.may_update(FIRST, None, Some(filter), Some(&schema(&[("level", "number")]))).map(drop)
    };
    assert_eq!(update(&AudienceFilter::default()), Ok(()));
    assert_eq!(update(&filter(vec![condition("attributes.level", RawValue::Number(1.0))])), Ok(()));
    let unknown = filter(vec![condition("attributes.city", RawValue::Text("Rome".to_owned()))]);
    assert_eq!(told(update(&unknown)).0, Reason::FilterInvalid);
    assert_eq!(
        told(two.may_update(AudienceNumber(2), None, Some(&uses(&[1])), None)).0,
        Reason::FilterInvalid
    );
    // Unarchiving an audience that is not archived changes nothing, so it asks nothing.
    assert!(all([audience(1, "A", uses(&[9]))]).may_unarchive(FIRST, None).is_ok());
}

#[test]
fn a_schema_keeps_the_attributes_that_audiences_use() {
    let on = |value| filter(vec![condition("attributes.level", value)]);
    let some = all([
        audience(1, "A", on(RawValue::Number(1.0))),
        audience(2, "B", on(RawValue::Number(2.0))),
        archived(3, "C", on(RawValue::Bool(true))),
    ]);
    assert!(some.may_have_schema(&schema(&[("level", "number"), ("city", "string")])).is_ok());
    let refused = one(
        Reason::AttributeInUse,
        "schema.level",
        "must stay as it is, because the audiences \"A\", \"B\" use it",
    );
    assert_eq!(told(some.may_have_schema(&schema(&[]))), refused);
    assert_eq!(told(some.may_have_schema(&schema(&[("level", "string")]))), refused);
    let unknown = told(some.may_create(&name("D"), &on(RawValue::Number(1.0)), Some(&schema(&[]))));
    assert_eq!((unknown.0, unknown.1[0].0.as_str()), (Reason::FilterInvalid, "filters[0].key"));
}

#[test]
fn the_number_of_audiences_is_limited() {
    let count = u32::try_from(AUDIENCES_MAX).unwrap();
    let full = all((1..=count).map(|number| plain(number, &format!("a{number}"))));
    let empty = AudienceFilter::default();
    let refused = one(
        Reason::TooManyAudiences,
        "member_base_id",
        "must have at most 1000 audiences that are not archived",
    );
    assert_eq!(told(full.may_create(&name("x"), &empty, None)), refused);
    let mut more = full.clone();
    more.put(Arc::new(archived(count + 1, "x", AudienceFilter::default())));
    assert_eq!(told(more.may_unarchive(AudienceNumber(count + 1), None)), refused);
    let every = u32::try_from(AUDIENCES_ALL_MAX).unwrap();
    let old = all((1..=every).map(|number| archived(number, "x", AudienceFilter::default())));
    assert_eq!(told(old.may_create(&name("x"), &empty, None)).0, Reason::TooManyAudiences);
    assert!(old.may_unarchive(FIRST, None).is_ok());
}
