//! Measures regular expressions on one field, searched together and one by one.
//!
//! Run it with `cargo bench --bench patterns`. Eight expressions search the e-mail addresses of 10,000
//! members a hundred times.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_precision_loss, clippy::indexing_slicing)]

use std::time::Instant;

use memberbase::model::filter::{
    Condition, Filter, NoAudiences, Operator, Pattern, PatternSet, RawFilter, RawRegex, SetStates,
};
use memberbase::model::{
    AudienceFilter, BaseNumber, Effort, Email, Field, Fold, IdKey, Member, MemberView, Profile, Row, Sealer,
    Timestamp,
};

const EXPRESSIONS: [&str; 8] = [
    "0[0-9]*@(x|y|mail)[.]",
    "5[0-9]*@(x|y|mail)[.]",
    "^[a-m].*1@",
    "^[a-m].*4@",
    "example$",
    "^b.*post",
    "(99|77)@",
    "^[x-z]ember",
];
const MEMBERS: u64 = 10_000;
const ROUNDS: u32 = 100;

fn main() {
    let conditions: Vec<Condition> = EXPRESSIONS.into_iter().map(condition).collect();
    let set = PatternSet::new(conditions.iter().filter_map(pattern)).unwrap();
    let members: Vec<Member> = (0..MEMBERS).map(member).collect();
    let mut states = SetStates::default();
    let mut efforts: Vec<Effort> = conditions.iter().map(|_| Effort::default()).collect();
    let (mut nanos, mut matches) = ([0.0; 2], [0_u64; 2]);
    for round in 0..=ROUNDS {
        for (way, nanos) in nanos.iter_mut().enumerate() {
            let begun = Instant::now();
            for member in &members {
                let view = MemberView { row: Row(1), member, fold: Fold::NEWEST, audiences: &NoAudiences };
                let seen = view.seen(&Field::Email);
                if way == 0 {
                    for text in seen.stored_texts() {
                        assert!(set.search(text, &mut states, |_| matches[0] += 1));
                    }
                } else {
                    for (condition, effort) in conditions.iter().zip(&mut efforts) {
                        matches[1] += u64::from(seen.fulfils(condition, effort));
                    }
                }
            }
            // The first round makes the states.
            if round > 0 {
                *nanos += begun.elapsed().as_secs_f64() * 1e9;
            }
        }
    }
    assert_eq!(matches[0], matches[1]);
    let [together, alone] = nanos.map(|nanos| nanos / (MEMBERS as f64 * f64::from(ROUNDS)));
    println!("{} expressions: {together:.0} ns a text together, {alone:.0} ns one by one", conditions.len());
}

fn condition(pattern: &str) -> Condition {
    let regex = RawRegex { pattern: pattern.to_owned(), case_insensitive: false };
    let raw = RawFilter { key: Some("email".to_owned()), regex: Some(regex), ..RawFilter::default() };
    let sealer = Sealer::new(IdKey([7; 16]));
    let today = Timestamp::from_micros(1_800_000_000_000_000).date();
    let filter = AudienceFilter::parse(vec![raw], &sealer, BaseNumber(1), Fold::NEWEST, today).unwrap();
    match filter.filter() {
        Some(Filter::Condition(condition)) => condition.clone(),
        other => unreachable!("{other:?}"),
    }
}

fn pattern(condition: &Condition) -> Option<&Pattern> {
    match &condition.op {
        Operator::Regex(pattern) => Some(pattern),
        _ => None,
    }
}

fn member(n: u64) -> Member {
    let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let letter = char::from(b'a' + u8::try_from(mixed % 26).unwrap());
    let domains = ["x.example", "y.example", "mail.example", "post.example"];
    let domain = domains[usize::try_from(mixed >> 8).unwrap() % domains.len()];
    let email = Email::parse(format!("{letter}ember.{n}@{domain}")).unwrap();
    Member { profile: Profile { email: Some(email), ..Profile::default() }, ..Member::default() }
}
