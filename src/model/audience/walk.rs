//! Walks the filter of an audience in the form in which it was sent, together with the parsed one. They have
//! the same shape, except that the sent list is one condition, or an AND of several.

use crate::model::filter::{Condition, Filter, RawFilter};

/// The conditions of a filter, in the order in which they were sent.
pub(super) fn conditions<'a>(raw: &'a [RawFilter], filter: Option<&'a Filter>) -> Vec<Located<'a>> {
    let mut all = Vec::new();
    walk(raw, filter, &mut |step| {
        if let Step::Condition(located) = step {
            all.push(located);
        }
    });
    all
}

/// Visits each step of the walk through a filter. There is none without a parsed filter.
pub(super) fn walk<'a>(raw: &'a [RawFilter], filter: Option<&'a Filter>, visit: &mut impl FnMut(Step<'a>)) {
    match (filter, raw) {
        (None, _) => {}
        (Some(filter), [only]) => one(only, filter, "filters[0]", visit),
        (Some(filter), entries) => parts(entries, filter, "filters", visit),
    }
}

/// A step of the walk through a filter.
pub(super) enum Step<'a> {
    /// A condition.
    Condition(Located<'a>),
    /// The beginning of an AND (`all`) or an OR.
    Begin {
        /// Whether it is an AND.
        all: bool,
    },
    /// The end of one part of the innermost AND or OR.
    Part,
    /// Its end.
    End,
}

/// A condition, and where it stands in the sent form.
pub(super) struct Located<'a> {
    /// The path of its entry, such as `filters[0].and[2]`.
    pub path: String,
    /// Its key as sent.
    pub key: &'a str,
    /// The name of its operator.
    pub operator: &'static str,
    /// The condition.
    pub condition: &'a Condition,
}

fn one<'a>(raw: &'a RawFilter, filter: &'a Filter, path: &str, visit: &mut impl FnMut(Step<'a>)) {
    match filter {
        Filter::Condition(condition) => {
            let (key, operator) = (raw.key.as_deref().unwrap_or_default(), raw.operator());
            visit(Step::Condition(Located { path: path.to_owned(), key, operator, condition }));
        }
        Filter::And(_) => {
            parts(raw.and.as_deref().unwrap_or_default(), filter, &format!("{path}.and"), visit)
        }
        Filter::Or(_) => parts(raw.or.as_deref().unwrap_or_default(), filter, &format!("{path}.or"), visit),
        // No filter that a caller sent has a search.
        Filter::Search(_) | Filter::True => {}
    }
}

fn parts<'a>(raws: &'a [RawFilter], filter: &'a Filter, path: &str, visit: &mut impl FnMut(Step<'a>)) {
    let (Filter::And(parts) | Filter::Or(parts)) = filter else { return };
    visit(Step::Begin { all: matches!(filter, Filter::And(_)) });
    for (index, (raw, part)) in raws.iter().zip(parts).enumerate() {
        one(raw, part, &format!("{path}[{index}]"), visit);
        visit(Step::Part);
    }
    visit(Step::End);
}
