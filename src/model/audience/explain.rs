//! Why a member is in an audience, or not: what was done by hand, and what each condition saw.
//!
//! A condition **decided** if it, and every AND and OR around it, has the outcome of the whole filter. So in
//! a filter that matches, these are the conditions that made it match; in one that does not, those that
//! failed.

use std::ops::Range;

use crate::model::audience::walk::{Located, Step, walk};
use crate::model::audience::{Audience, AudienceFilter, Hand};
use crate::model::filter::{Condition, Field, Filter, MemberView, Value};
use crate::model::id::AudienceNumber;
use crate::model::value::time::{Date, Timestamp};

/// Why one member is in an audience, or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Whether it is in the audience.
    pub is_in: bool,
    /// Whether the filter matches it.
    pub is_matched: bool,
    /// What is kept by hand about it.
    pub hand: Hand,
    /// The conditions of the filter, in the order in which they were sent.
    pub conditions: Vec<SeenCondition>,
}

/// A condition, and what it saw of the member.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenCondition {
    /// The path of its entry, such as `filters[0].and[2]`.
    pub path: String,
    /// Its key.
    pub key: String,
    /// The name of its operator.
    pub operator: &'static str,
    /// Whether the member fulfils it.
    pub holds: bool,
    /// Whether it decided the outcome of the filter.
    pub decided: bool,
    /// The value that it saw.
    pub seen: Seen,
}

/// A value that a condition saw.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// The member has no value.
    Absent,
    /// A text, as it is stored.
    Text(String),
    /// A number.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// A date.
    Date(Date),
    /// An instant.
    Instant(Timestamp),
    /// A list of strings.
    List(Vec<String>),
    /// The member itself: a condition on `id`.
    Member,
    /// Bank details, of which a condition sees only that they exist.
    Present,
    /// Those of the audiences that the condition names that the member is in.
    Audiences(Vec<AudienceNumber>),
}

impl Explanation {
    /// Explains an audience by the filter that serves at present, for the member in `view`.
    #[must_use]
    pub fn of(audience: &Audience, hand: Hand, view: &MemberView<'_>) -> Self {
        let (is_matched, conditions) = conditions(audience.serving(), view);
        Self { is_in: hand.is_in(is_matched), is_matched, hand, conditions }
    }
}

/// An AND or OR that is being evaluated.
struct Open {
    all: bool,
    /// Its first condition.
    from: usize,
    /// The outcome and the conditions of each part.
    parts: Vec<(bool, Range<usize>)>,
}

/// Evaluates every condition of a filter. Returns whether the filter matches, and the conditions.
fn conditions(filter: &AudienceFilter, view: &MemberView<'_>) -> (bool, Vec<SeenCondition>) {
    let mut all: Vec<SeenCondition> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    // The outcome and the first condition of what was evaluated last. An empty filter matches nobody.
    let mut last = (false, 0);
    walk(filter.raw(), filter.filter(), &mut |step| match step {
        Step::Condition(Located { path, key, operator, condition }) => {
            let holds = condition.matches(view);
            last = (holds, all.len());
            let (key, seen) = (key.to_owned(), seen(condition, view));
            all.push(SeenCondition { path, key, operator, holds, decided: true, seen });
        }
        Step::Begin { all: is_and } => open.push(Open { all: is_and, from: all.len(), parts: Vec::new() }),
        Step::Part => {
            let (outcome, from) = last;
            if let Some(innermost) = open.last_mut() {
                innermost.parts.push((outcome, from..all.len()));
            }
        }
        Step::End => {
            let Some(Open { all: is_and, from, parts }) = open.pop() else { return };
            let mut outcomes = parts.iter().map(|(outcome, _)| *outcome);
            let outcome = if is_and { outcomes.all(|is| is) } else { outcomes.any(|is| is) };
            for (_, range) in parts.into_iter().filter(|(part, _)| *part != outcome) {
                all.get_mut(range).into_iter().flatten().for_each(|condition| condition.decided = false);
            }
            last = (outcome, from);
        }
    });
    (last.0, all)
}

fn seen(condition: &Condition, view: &MemberView<'_>) -> Seen {
    if condition.field == Field::Audience {
        let named = Filter::Condition(condition.clone()).audiences();
        let is_in = |audience: &AudienceNumber| view.audiences.is_in(*audience, view.row);
        return Seen::Audiences(named.into_iter().filter(is_in).collect());
    }
    match view.shown(&condition.field) {
        None => Seen::Absent,
        Some(Value::Text(text)) => Seen::Text(text.into_owned()),
        Some(Value::Status(status)) => Seen::Text(status.as_str().to_owned()),
        Some(Value::Gender(gender)) => Seen::Text(gender.as_str().to_owned()),
        Some(Value::Number(number)) => Seen::Number(number),
        Some(Value::Bool(value)) => Seen::Bool(value),
        Some(Value::Date(date)) => Seen::Date(date),
        Some(Value::Instant(at)) => Seen::Instant(at),
        Some(Value::List(items)) => Seen::List(items.to_vec()),
        Some(Value::Row(_)) => Seen::Member,
        // Filters of members see no memberbase, and audiences are handled above.
        Some(Value::Present | Value::Base(_) | Value::Audience(_)) => Seen::Present,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::audience::samples::{audience, condition, filter};
    use crate::model::filter::{Memberships, RawFilter, RawValue};
    use crate::model::id::Row;
    use crate::model::membership::member::{Member, Profile, Status};
    use crate::model::value::text::{Name, Tier};
    use crate::model::{AttributeValue, Attributes, Fold};

    /// The member at row 4 is in audience 7.
    struct Seventh;

    impl Memberships for Seventh {
        fn is_in(&self, audience: AudienceNumber, row: Row) -> bool {
            (audience, row) == (AudienceNumber(7), Row(4))
        }
    }

    fn explained(raw: Vec<RawFilter>, hand: Hand) -> Explanation {
        let profile = Profile {
            tier: Some(Tier::parse("gold").unwrap()),
            first_name: Some(Name::parse("Ada").unwrap()),
            ..Profile::default()
        };
        let mut member = Member { profile, status: Status::Active, ..Member::default() };
        let langs = AttributeValue::List(vec!["en".to_owned()]);
        member.attributes = Attributes::from_stored(vec![("langs".to_owned(), langs)]);
        let view = MemberView { row: Row(4), member: &member, fold: Fold::NEWEST, audiences: &Seventh };
        Explanation::of(&audience(1, "A", filter(raw)), hand, &view)
    }

    fn text(key: &str, value: &str) -> RawFilter {
        condition(key, RawValue::Text(value.to_owned()))
    }

    fn decided(explanation: &Explanation) -> Vec<(&str, bool)> {
        let decided = explanation.conditions.iter().filter(|condition| condition.decided);
        decided.map(|condition| (condition.path.as_str(), condition.holds)).collect()
    }

    #[test]
    fn an_empty_filter_matches_nobody_and_only_a_pick_is_in() {
        for (hand, is_in) in [(Hand::None, false), (Hand::Picked, true), (Hand::Removed, false)] {
            let explanation = explained(Vec::new(), hand);
            assert_eq!(explanation, Explanation { is_in, is_matched: false, hand, conditions: Vec::new() });
        }
    }

    #[test]
    fn the_conditions_that_decide_are_those_with_the_outcome_of_all_that_is_around_them() {
        let or = |parts| RawFilter { or: Some(parts), ..RawFilter::default() };
        let and = |parts| RawFilter { and: Some(parts), ..RawFilter::default() };
        let (yes, no) = (|| text("tier", "gold"), || text("tier", "iron"));
        for (raw, is_matched, wanted) in [
            (vec![yes()], true, vec![("filters[0]", true)]),
            (vec![yes(), no(), no()], false, vec![("filters[1]", false), ("filters[2]", false)]),
            (vec![or(vec![no(), yes()])], true, vec![("filters[0].or[1]", true)]),
            (
                vec![yes(), or(vec![and(vec![yes(), no()]), and(vec![yes(), yes()])])],
                true,
                vec![
                    ("filters[0]", true),
                    ("filters[1].or[1].and[0]", true),
                    ("filters[1].or[1].and[1]", true),
                ],
            ),
            (
                vec![yes(), or(vec![and(vec![yes(), no()]), no()])],
                false,
                vec![("filters[1].or[0].and[1]", false), ("filters[1].or[1]", false)],
            ),
            (vec![and(vec![yes(), no()])], false, vec![("filters[0].and[1]", false)]),
        ] {
            let explanation = explained(raw.clone(), Hand::None);
            assert_eq!(explanation.is_matched, is_matched, "{raw:?}");
            assert_eq!(explanation.is_in, is_matched, "{raw:?}");
            assert_eq!(decided(&explanation), wanted, "{raw:?}");
        }
    }

    #[test]
    fn every_condition_says_what_it_saw() {
        let exists =
            |key: &str| RawFilter { key: Some(key.to_owned()), exists: Some(true), ..RawFilter::default() };
        let named = [6, 7].map(|number| RawValue::Text(crate::model::audience::samples::id(number)));
        let audiences =
            RawFilter { key: Some("audience".to_owned()), nin: Some(named.to_vec()), ..RawFilter::default() };
        let raw = vec![
            text("first_name", "Ada"),
            text("status", "active"),
            exists("last_name"),
            exists("attributes.langs"),
            exists("created_at"),
            exists("id"),
            audiences,
        ];
        let explanation = explained(raw, Hand::Removed);
        assert!(!explanation.is_in);
        let seen: Vec<_> = explanation
            .conditions
            .iter()
            .map(|seen| (seen.key.as_str(), seen.operator, seen.holds, seen.seen.clone()))
            .collect();
        let text = |text: &str| Seen::Text(text.to_owned());
        assert_eq!(
            seen,
            [
                ("first_name", "eq", true, text("Ada")),
                ("status", "eq", true, text("active")),
                ("last_name", "exists", false, Seen::Absent),
                ("attributes.langs", "exists", true, Seen::List(vec!["en".to_owned()])),
                ("created_at", "exists", true, Seen::Instant(Timestamp::default())),
                ("id", "exists", true, Seen::Member),
                ("audience", "nin", false, Seen::Audiences(vec![AudienceNumber(7)])),
            ]
        );
    }
}
