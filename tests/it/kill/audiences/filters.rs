//! Filters of every kind: each operator, attributes of each type, other audiences, and parts in parts.

use memberbase::api::grpc::v1;
use prost_types::Value;
use prost_types::value::Kind;

use super::values::{CITIES, ROLES, SCORES, STATUSES, TAGS, TIERS, day, whole};
use crate::harness::{condition, eq, list, number, text};
use crate::kill::writer::Random;

/// How deep conditions are nested.
const DEPTH: u64 = 3;
/// The most conditions of a filter, and of a part of it.
const PARTS: u64 = 3;

/// The filter of an audience that may use these audiences.
pub fn filters(random: &mut Random, audiences: &[String]) -> Vec<v1::Filter> {
    let count = 1 + random.next() % PARTS;
    (0..count).map(|_| filter(random, audiences, DEPTH)).collect()
}

fn filter(random: &mut Random, audiences: &[String], depth: u64) -> v1::Filter {
    if depth == 0 || random.percent(60) {
        return leaf(random, audiences);
    }
    let count = 2 + random.next() % (PARTS - 1);
    let parts = (0..count).map(|_| filter(random, audiences, depth - 1)).collect();
    if random.percent(40) {
        v1::Filter { and: parts, ..Default::default() }
    } else {
        v1::Filter { or: parts, ..Default::default() }
    }
}

fn leaf(random: &mut Random, audiences: &[String]) -> v1::Filter {
    let n = random.next();
    if random.percent(20) && !audiences.is_empty() {
        let id = &audiences[usize::try_from(n % audiences.len() as u64).unwrap()];
        return if random.percent(60) {
            eq("audience", id)
        } else {
            condition("audience", |filter| filter.nin = Some(list(&[id.as_str(), audiences[0].as_str()])))
        };
    }
    let exists = random.percent(50);
    let (tier, city) = (random.one_of(TIERS), random.one_of(CITIES));
    match n % 18 {
        0 => eq("tier", tier),
        1 => condition("tier", |filter| filter.ne = Some(text(tier))),
        2 => condition("tier", |filter| filter.r#in = Some(list(&[tier, "Silver", "none"]))),
        3 => condition("tier", |filter| filter.nin = Some(list(&[tier, "Gold"]))),
        4 => eq("status", random.one_of(STATUSES)),
        5 => pattern("role", &format!("^(head )?{}$", random.one_of(ROLES)), exists),
        6 => pattern("email", &format!("^m[0-9]*{}[.]", n % 10), exists),
        7 => condition("ref", |filter| filter.prefix = Some(format!("m{}", 1 + n % 9))),
        8 => condition("worker_id", |filter| filter.exists = Some(exists)),
        9 => condition("dob", |filter| filter.gte = Some(text("1990-01-01"))),
        10 => condition("updated_at", |filter| filter.gt = Some(text("2026-01-01T00:00:00Z"))),
        11 => eq("attributes.city", city),
        12 => condition("attributes.city", |filter| filter.nin = Some(list(&[city]))),
        13 => condition("attributes.score", |filter| {
            let bound = Some(number(whole(n % SCORES)));
            if exists { filter.gt = bound } else { filter.lte = bound }
        }),
        14 => condition("attributes.level", |filter| filter.eq = Some(number(whole(n % 3)))),
        15 => condition("attributes.vip", |filter| {
            filter.eq = Some(Value { kind: Some(Kind::BoolValue(exists)) });
        }),
        16 => condition("attributes.joined", |filter| filter.lt = Some(text(&day(n)))),
        _ => eq("attributes.tags", random.one_of(TAGS)),
    }
}

fn pattern(key: &str, pattern: &str, case_insensitive: bool) -> v1::Filter {
    let regex = v1::Regex { pattern: pattern.to_owned(), case_insensitive };
    condition(key, |filter| filter.regex = Some(regex))
}
