//! Tests every operator, alone and combined, on every type of attribute and on every key with an index of its
//! own. A list must find the same members and total whether an index knows them or members are checked, and
//! the same as a plain evaluation of the values below. A condition whose form cannot match is rejected.

use super::plain::{Plain, TYPES, conditions, fits, matches, on, operands, values};
use super::{Member, RawFilter, RawPage, RawValue, Row, directory_over, text};
use crate::directory::{Directory, Error, MemberList, Search};
use crate::model::schema::SentDefinition;
use crate::model::{
    AttributeValue, BaseNumber, Change, Email, MemberRow, Reason, Ref, Status, Tier, WorkerId,
};

/// The members that match a filter and their total, read in pages of different sizes and by offset.
async fn answered(
    directory: &Directory,
    base: BaseNumber,
    filters: &[RawFilter],
) -> (Vec<Row>, Option<u64>, Vec<Row>, u64) {
    let mut page = RawPage { limit: Some(17), ..RawPage::default() };
    let (mut found, mut total) = (Vec::new(), None);
    loop {
        let filters = filters.to_vec();
        let list = MemberList {
            base,
            filters,
            page: page.clone(),
            search: None,
            total: true,
            ends: false,
            min_revision: None,
        };
        let part = directory.list_members(list).await.unwrap();
        found.extend(part.members.into_iter().map(|(row, _)| row));
        total = part.total.or(total);
        page = RawPage { cursor: part.cursor, ..page };
        if page.cursor.is_none() {
            break;
        }
    }
    let search = Search { base, filters: filters.to_vec(), skip: 3, take: 4 };
    let searched = directory.search_members(search).await.unwrap();
    (found, total, searched.members.into_iter().map(|(row, _)| row).collect(), searched.total)
}

/// Asserts that lists find the members that the test expects, and if `is_exact`, their number.
async fn check(
    directory: &Directory,
    base: BaseNumber,
    filters: Vec<RawFilter>,
    expected: &[Row],
    is_exact: bool,
) {
    let (found, total, searched, count) = answered(directory, base, &filters).await;
    assert_eq!(found, expected, "{filters:?}");
    let by_offset: Vec<Row> = expected.iter().skip(3).take(4).copied().collect();
    assert_eq!((searched, count), (by_offset, expected.len() as u64), "{filters:?}");
    assert_eq!(total, is_exact.then_some(expected.len() as u64), "{filters:?}");
}

fn part(and: Option<Vec<RawFilter>>, or: Option<Vec<RawFilter>>) -> RawFilter {
    RawFilter { and, or, ..RawFilter::default() }
}

/// Tries each of `conditions` alone, and in `and` and in `or` with a condition that an index knows and one
/// that no index knows. `holds` says which members match, by their places.
async fn check_all(
    directory: &Directory,
    base: BaseNumber,
    members: usize,
    conditions: Vec<RawFilter>,
    holds: impl Fn(usize, &RawFilter) -> bool,
    is_exact: impl Fn(&RawFilter) -> bool,
) {
    let gold = || RawFilter { eq: Some(text("gold")), ..on("tier") };
    let company = || RawFilter { exists: Some(true), ..on("company") };
    for condition in conditions {
        let rows = |fits: &dyn Fn(usize) -> bool| -> Vec<Row> {
            (0..members).filter(|place| fits(*place)).map(|place| Row(place as u64)).collect()
        };
        let holds = |place: usize| holds(place, &condition);
        let is_exact = is_exact(&condition);
        let one = || condition.clone();
        check(directory, base, vec![one()], &rows(&holds), is_exact).await;
        let both = rows(&|place| is_gold(place) && holds(place));
        check(directory, base, vec![gold(), one()], &both, is_exact).await;
        let either = rows(&|place| is_gold(place) || holds(place));
        let nested = part(Some(vec![part(None, Some(vec![one(), gold()]))]), None);
        check(directory, base, vec![nested], &either, is_exact).await;
        let mixed = rows(&|place| has_company(place) && (is_gold(place) || holds(place)));
        check(directory, base, vec![part(None, Some(vec![gold(), one()])), company()], &mixed, false).await;
        let loose = rows(&|place| has_company(place) || (is_gold(place) && holds(place)));
        let or = part(None, Some(vec![company(), part(Some(vec![one(), gold()]), None)]));
        check(directory, base, vec![or], &loose, false).await;
    }
}

fn is_gold(place: usize) -> bool {
    place.is_multiple_of(3)
}

fn has_company(place: usize) -> bool {
    place % 4 < 2
}

/// The member at `place`: an attribute of each type, twice.
fn row(place: usize) -> MemberRow {
    let mut row = MemberRow::default();
    row.patch.ref_ = Change::Set(Ref::parse(format!("r{place}")).unwrap());
    if is_gold(place) {
        row.patch.tier = Change::Set(Tier::parse("gold").unwrap());
    }
    if has_company(place) {
        row.patch.company = Change::Set(crate::model::Name::parse("Acme").unwrap());
    }
    for kind in TYPES {
        for key in [format!("{kind}.plain"), format!("{kind}.indexed")] {
            match value_of(kind, place) {
                None => row.patch.attributes.clear(key).unwrap(),
                Some(value) => row.patch.attributes.set(key, sent(&value)).unwrap(),
            }
        }
    }
    row
}

fn value_of(kind: &str, place: usize) -> Option<Plain> {
    let values = values(kind);
    values[place % values.len()].clone()
}

fn sent(value: &Plain) -> AttributeValue {
    match value {
        Plain::Text(text) | Plain::Date(text, _) => AttributeValue::text(*text).unwrap(),
        Plain::Number(number) => AttributeValue::number(*number).unwrap(),
        Plain::Bool(value) => AttributeValue::bool(*value),
        Plain::List(items) => {
            AttributeValue::list(items.iter().map(|item| (*item).to_owned()).collect()).unwrap()
        }
    }
}

/// Whether an index knows which members match: sets know equal values and existing values, and nothing else.
fn sets_know(condition: &RawFilter) -> bool {
    let RawFilter { eq, ne, in_, nin, exists, .. } = condition;
    eq.is_some() || ne.is_some() || in_.is_some() || nin.is_some() || exists.is_some()
}

const MEMBERS: usize = 40;

async fn with_attributes() -> (Directory, BaseNumber, Vec<(Row, Member)>) {
    directory_over(
        TYPES.into_iter().flat_map(|kind| {
            let definition = |indexed| SentDefinition { kind: kind.to_owned(), indexed };
            let indexed = (kind != "array").then(|| (format!("{kind}.indexed"), definition(true)));
            let indexed = indexed.unwrap_or_else(|| (format!("{kind}.indexed"), definition(false)));
            [(format!("{kind}.plain"), definition(false)), indexed]
        }),
        (0..MEMBERS).map(row).collect(),
    )
    .await
}

#[tokio::test]
async fn attributes_of_every_type_match_the_same_members_with_and_without_an_index() {
    let (directory, base, _) = with_attributes().await;
    for kind in TYPES {
        for variant in ["plain", "indexed"] {
            let key = format!("attributes.{kind}.{variant}");
            let (good, bad): (Vec<_>, Vec<_>) =
                operands().into_iter().partition(|operand| fits(kind, operand));
            let is_text = matches!(kind, "string" | "array");
            let is_pattern = |raw: &RawFilter| raw.prefix.is_some() || raw.regex.is_some();
            let (conditions, patterns): (Vec<_>, Vec<_>) =
                conditions(&key, &good).into_iter().partition(|raw| is_text || !is_pattern(raw));
            let (void, conditions) = conditions.into_iter().partition(|raw| is_void("", raw));
            refused(&directory, base, void).await;
            refused(&directory, base, patterns).await;
            refused(&directory, base, misfits(&key, &good, &bad)).await;
            let holds = |place: usize, raw: &RawFilter| matches(value_of(kind, place).as_ref(), raw);
            let has_index = variant == "indexed" && kind != "array";
            let is_exact = |raw: &RawFilter| has_index && sets_know(raw);
            check_all(&directory, base, MEMBERS, conditions, holds, is_exact).await;
        }
    }
}

/// Every operator with each operand that no value can equal, alone and after good ones.
fn misfits(key: &str, good: &[RawValue], bad: &[RawValue]) -> Vec<RawFilter> {
    if bad.is_empty() {
        return Vec::new();
    }
    let mixed = [good, bad].concat();
    let lists =
        [RawFilter { in_: Some(mixed.clone()), ..on(key) }, RawFilter { nin: Some(mixed), ..on(key) }];
    let alone = conditions(key, bad).into_iter().filter(|raw| {
        let is_empty = |list: &Option<Vec<RawValue>>| list.as_ref().is_some_and(Vec::is_empty);
        let has_operand = raw.prefix.is_none() && raw.regex.is_none() && raw.exists.is_none();
        has_operand && !is_empty(&raw.in_) && !is_empty(&raw.nin)
    });
    alone.chain(lists).collect()
}

/// Whether a condition asks for texts before `least`, the first possible one, or for numbers outside the
/// possible range.
fn is_void(least: &str, raw: &RawFilter) -> bool {
    let bound = |bound: &Option<RawValue>, is_void: fn(&str, &str) -> bool| match bound {
        Some(RawValue::Text(bound)) => is_void(bound, least),
        _ => false,
    };
    let number = |number: f64| Some(RawValue::Number(number));
    bound(&raw.lt, |bound, least| bound <= least)
        || bound(&raw.lte, |bound, least| bound < least)
        || raw.gt == number(9_007_199_254_740_991.0)
        || raw.lt == number(-9_007_199_254_740_991.0)
}

/// Asserts that each of `conditions` is refused, at its operator.
async fn refused(directory: &Directory, base: BaseNumber, conditions: Vec<RawFilter>) {
    for condition in conditions {
        let filters = vec![condition.clone()];
        let list = MemberList {
            base,
            filters,
            page: RawPage::default(),
            search: None,
            total: false,
            ends: false,
            min_revision: None,
        };
        let error = directory.list_members(list).await.unwrap_err();
        let Error::Refused(refusal) = error else { panic!("{condition:?}: {error:?}") };
        assert_eq!(refusal.reason, Reason::FilterInvalid, "{condition:?}");
        assert!(refusal.violations[0].field.starts_with("filters[0]."), "{condition:?}: {refusal:?}");
    }
}

/// The member at `place`, with keys and a status.
fn keyed(place: usize) -> MemberRow {
    let mut row = MemberRow { status: Some(status(place)), ..MemberRow::default() };
    let patch = &mut row.patch;
    if place % 5 != 4 {
        patch.email = Change::Set(Email::parse(format!("M{place}@Example.com")).unwrap());
    }
    if place % 3 != 1 {
        patch.worker_id = Change::Set(WorkerId::parse(format!("w{place}")).unwrap());
    }
    patch.ref_ = Change::Set(Ref::parse(format!("r{place}")).unwrap());
    if is_gold(place) {
        patch.tier = Change::Set(Tier::parse("gold").unwrap());
    }
    if has_company(place) {
        patch.company = Change::Set(crate::model::Name::parse("Acme").unwrap());
    }
    row
}

fn status(place: usize) -> Status {
    [Status::Active, Status::Invited, Status::Inactive][place % 3]
}

#[tokio::test]
async fn keys_with_an_index_of_their_own_match_what_their_values_say() {
    let (directory, base, members) = directory_over([], (0..MEMBERS).map(keyed).collect()).await;
    let shown = |key: &str, place: usize| -> Option<String> {
        let profile = &members[place].1.profile;
        match key {
            "ref" => profile.ref_.as_ref().map(|value| value.as_str().to_owned()),
            "email" => profile.email.as_ref().map(|value| value.as_str().to_owned()),
            "worker_id" => profile.worker_id.as_ref().map(|value| value.as_str().to_owned()),
            "tier" => profile.tier.as_ref().map(|value| value.as_str().to_owned()),
            "status" => Some(members[place].1.status.as_str().to_owned()),
            _ => Some(directory.sealer().member_id(base, members[place].0)),
        }
    };
    let id = directory.sealer().member_id(base, Row(5));
    for (key, operands, misfits) in [
        ("ref", vec!["r3", "r39", "R3", "nobody"], vec![""]),
        ("email", vec!["m3@example.com", "M3@EXAMPLE.COM", "m4@example.com"], vec!["no address", "@", ""]),
        ("worker_id", vec!["w2", "w1", "W2"], vec![""]),
        ("tier", vec!["gold", "Gold"], vec![""]),
        ("status", vec!["active", "inactive"], vec!["Active", ""]),
        ("id", vec![id.as_str()], vec![]),
    ] {
        let [operands, misfits] =
            [operands, misfits].map(|texts| texts.into_iter().map(text).collect::<Vec<_>>());
        let is_order =
            |raw: &RawFilter| raw.gt.is_some() || raw.gte.is_some() || raw.lt.is_some() || raw.lte.is_some();
        // Operators of order take any text, because values may come before it.
        let (in_order, bad): (Vec<_>, Vec<_>) =
            super::same_members::misfits(key, &operands, &misfits).into_iter().partition(is_order);
        refused(&directory, base, bad).await;
        let conditions = conditions(key, &operands).into_iter().chain(in_order).filter(|raw| {
            let is_text_only = raw.prefix.is_some() || raw.regex.is_some();
            match key {
                "id" => !(is_text_only || is_order(raw)),
                // A prefix that no status begins with is refused.
                "status" => raw.prefix.as_ref().is_none_or(|prefix| prefix == "a"),
                _ => true,
            }
        });
        let least = if key == "status" { "active" } else { " " };
        let (void, conditions): (Vec<_>, Vec<_>) = conditions.partition(|raw| is_void(least, raw));
        refused(&directory, base, void).await;
        let holds = |place: usize, raw: &RawFilter| {
            let value = shown(key, place);
            let equality = raw.eq.is_some() || raw.ne.is_some() || raw.in_.is_some() || raw.nin.is_some();
            let (value, raw) = if key == "email" && equality {
                (value.map(|text| text.to_lowercase()), lower(raw))
            } else {
                (value, raw.clone())
            };
            let value = value.map(|text| Plain::Text(text.leak()));
            matches(value.as_ref(), &raw)
        };
        let is_exact = |raw: &RawFilter| {
            let lookups_only = matches!(key, "ref" | "email" | "worker_id") && raw.exists.is_some();
            sets_know(raw) && !lookups_only
        };
        check_all(&directory, base, MEMBERS, conditions, holds, is_exact).await;
    }
}

#[tokio::test]
async fn instants_of_members_match_in_every_notation() {
    let (directory, base, members) = directory_over([], (0..MEMBERS).map(keyed).collect()).await;
    let all: Vec<Row> = members.iter().map(|(row, _)| *row).collect();
    let at = members[0].1.created_at.to_string();
    for key in ["created_at", "updated_at"] {
        for (operand, order) in [
            (at.clone(), std::cmp::Ordering::Equal),
            ("1999-01-01T00:00:00+01:00".to_owned(), std::cmp::Ordering::Greater),
            ("2999-01-01T00:00:00Z".to_owned(), std::cmp::Ordering::Less),
        ] {
            let value = || Some(text(&operand));
            for (raw, fits, is_exact) in [
                (RawFilter { eq: value(), ..on(key) }, order.is_eq(), false),
                (RawFilter { ne: value(), ..on(key) }, order.is_ne(), false),
                (RawFilter { in_: Some(vec![text(&operand)]), ..on(key) }, order.is_eq(), false),
                (RawFilter { nin: Some(vec![text(&operand)]), ..on(key) }, order.is_ne(), false),
                (RawFilter { gt: value(), ..on(key) }, order.is_gt(), false),
                (RawFilter { gte: value(), ..on(key) }, order.is_ge(), false),
                (RawFilter { lt: value(), ..on(key) }, order.is_lt(), false),
                (RawFilter { lte: value(), ..on(key) }, order.is_le(), false),
                (RawFilter { exists: Some(true), ..on(key) }, true, true),
                (RawFilter { exists: Some(false), ..on(key) }, false, true),
            ] {
                let expected = if fits { all.as_slice() } else { &[] };
                check(&directory, base, vec![raw], expected, is_exact).await;
            }
        }
    }
}

/// The condition with its operands in lower case.
fn lower(raw: &RawFilter) -> RawFilter {
    let lower = |value: &RawValue| match value {
        RawValue::Text(value) => text(value.to_lowercase()),
        other => other.clone(),
    };
    let all =
        |values: &Option<Vec<RawValue>>| values.as_ref().map(|values| values.iter().map(lower).collect());
    RawFilter {
        eq: raw.eq.as_ref().map(lower),
        ne: raw.ne.as_ref().map(lower),
        in_: all(&raw.in_),
        nin: all(&raw.nin),
        ..raw.clone()
    }
}
