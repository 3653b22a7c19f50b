//! Members with values from small ranges, so that each filter matches some of them and not others.

use std::collections::BTreeMap;

use memberbase::api::grpc::v1;
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use crate::harness::{list, number, row, text};
use crate::kill::writer::Random;

pub const TIERS: [&str; 4] = ["Bronze", "Silver", "Gold", "Platinum"];
pub const ROLES: [&str; 4] = ["cook", "driver", "head cook", "Pilot"];
pub const CITIES: [&str; 4] = ["Rome", "Leeds", "Lyon", "Turin"];
pub const TAGS: [&str; 3] = ["new", "vip", "trial"];
pub const STATUSES: [&str; 3] = ["active", "inactive", "invited"];
/// Scores are below this.
pub const SCORES: u64 = 20;

/// The attributes: one of each type, some with an index.
pub fn schema() -> BTreeMap<String, v1::AttributeDefinition> {
    let all = [
        ("city", "string", true),
        ("score", "number", false),
        ("level", "number", true),
        ("vip", "boolean", true),
        ("joined", "date", false),
        ("tags", "array", false),
    ];
    let definition = |kind: &str, indexed| v1::AttributeDefinition { r#type: kind.to_owned(), indexed };
    all.into_iter().map(|(key, kind, indexed)| (key.to_owned(), definition(kind, indexed))).collect()
}

/// A day of one of 28 days.
pub fn day(number: u64) -> String {
    format!("2026-02-{:02}T00:00:00Z", 1 + number % 28)
}

/// A member with random values.
pub fn member(random: &mut Random, place: u64) -> v1::MemberInput {
    let n = random.next();
    let r#ref = format!("m{place}");
    v1::MemberInput {
        email: Some(format!("{ref}.{}@example.com", n % 2, r#ref = r#ref)),
        tier: random.percent(70).then(|| random.one_of(TIERS).to_owned()),
        status: random.percent(40).then(|| random.one_of(STATUSES).to_owned()),
        role: random.percent(60).then(|| random.one_of(ROLES).to_owned()),
        worker_id: random.percent(20).then(|| format!("W{place}")),
        dob: random.percent(30).then(|| format!("19{}-03-04", 80 + n % 20)),
        attributes: random.percent(70).then(|| Struct { fields: values(random) }),
        clear_fields: Vec::new(),
        ..row(&r#ref)
    }
}

/// A value for each of some attributes.
pub fn values(random: &mut Random) -> BTreeMap<String, Value> {
    let n = random.next();
    let kind = |kind| Value { kind: Some(kind) };
    let all = [
        ("city", text(random.one_of(CITIES))),
        ("score", number(whole(n % SCORES))),
        ("level", number(whole(n % 3))),
        ("vip", kind(Kind::BoolValue(n.is_multiple_of(2)))),
        ("joined", text(&day(n))),
        ("tags", kind(Kind::ListValue(list(&[random.one_of(TAGS), "all"])))),
    ];
    let mut fields = BTreeMap::new();
    for (key, value) in all {
        if random.percent(60) {
            fields.insert(key.to_owned(), value);
        }
    }
    fields
}

/// A small number.
pub fn whole(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}
