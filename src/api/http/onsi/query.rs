//! The parameters of a search. A list is its name once for each value, with or without a trailing `[]`.

use http::StatusCode;
use serde_json::{Value, json};

use super::call::{CallRequest, Input};
use super::failure::Failure;
use super::issue::{Code, Issue};
use super::issues::Issues;
use super::member::MemberId;
use crate::api::http::openapi::Document;
use crate::api::http::query::{self, NOT_UTF8, TWICE, UNKNOWN};
use crate::model::filter::USE_EXISTS;
use crate::model::{Email, RawFilter, RawValue, Refusal, Status, Tier, WorkerId};

/// Members of a page without `take`.
const TAKE_DEFAULT: usize = 50;
/// Most members of a page.
const TAKE_MAX: usize = 500;
/// The lists: their names, and the keys of members that they match.
const LISTS: [(&str, &str); 5] = [
    ("memberIds", "id"),
    ("statuses", "status"),
    ("emails", "email"),
    ("workerIds", "worker_id"),
    ("tiers", "tier"),
];

/// The parameters of a search.
#[derive(Debug, PartialEq)]
pub struct Query {
    /// The lists that were given, by their names.
    lists: Vec<(&'static str, Vec<String>)>,
    /// Members to skip.
    pub skip: u64,
    /// Most members.
    pub take: usize,
}

/// Notes every parameter of a call that has none: a parameter of another call must not be ignored.
pub fn no_parameters(text: &str, issues: &mut Issues) {
    for (name, _) in pairs(text, issues) {
        issues.add(Code::QueryValidation, name, UNKNOWN);
    }
}

/// The parameters of a call that has only these, each `true` or `false`.
pub fn flags<const N: usize>(names: [&str; N], text: &str, issues: &mut Issues) -> Option<[bool; N]> {
    let mut values = [None; N];
    for (name, value) in pairs(text, issues) {
        let place = names.iter().position(|known| *known == name);
        let Some(slot) = place.and_then(|place| values.get_mut(place)) else {
            issues.add(Code::QueryValidation, name, UNKNOWN);
            continue;
        };
        let value = match value.as_str() {
            "true" => true,
            "false" => false,
            _ => {
                issues.add(Code::QueryValidation, name, "must be true or false");
                continue;
            }
        };
        if slot.replace(value).is_some() {
            issues.add(Code::QueryValidation, name, TWICE);
        }
    }
    Some(values.map(Option::unwrap_or_default))
}

/// One of them, for the document.
pub fn flag(name: &str, description: &str) -> Value {
    let schema = json!({ "type": "boolean", "default": false });
    json!({ "name": name, "in": "query", "required": false, "schema": schema, "description": description })
}

/// The parameters in the order of the text. A parameter that is not valid UTF-8 is noted, and left out.
fn pairs(text: &str, issues: &mut Issues) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for pair in query::pairs(text) {
        match pair {
            Some(pair) => pairs.push(pair),
            None => issues.add(Code::QueryValidation, "query".to_owned(), NOT_UTF8),
        }
    }
    pairs
}

/// No input at all; a body is not read.
impl Input for () {
    fn read(request: &CallRequest, issues: &mut Issues) -> Option<()> {
        no_parameters(&request.query, issues);
        Some(())
    }
}

impl Input for Query {
    fn read(request: &CallRequest, issues: &mut Issues) -> Option<Self> {
        Self::parse(&request.query, issues)
    }

    fn parameters(document: &mut Document) -> Vec<Value> {
        let item = |document: &mut Document, key: &str| match key {
            "id" => document.request::<MemberId>(),
            "status" => document.request::<Status>(),
            "email" => document.request::<Email>(),
            "worker_id" => document.request::<WorkerId>(),
            _ => document.request::<Tier>(),
        };
        let lists = LISTS.map(|(name, key)| (name, json!({ "type": "array", "items": item(document, key) })));
        let skip = json!({ "type": "integer", "minimum": 0, "default": 0 });
        let take = json!({ "type": "integer", "minimum": 1, "maximum": TAKE_MAX, "default": TAKE_DEFAULT });
        let all = lists.into_iter().chain([("skip", skip), ("take", take)]);
        let parameter =
            |(name, schema)| json!({ "name": name, "in": "query", "required": false, "schema": schema });
        all.map(parameter).collect()
    }
}

impl Query {
    /// The parameters in `text`; every fault is noted.
    fn parse(text: &str, issues: &mut Issues) -> Option<Self> {
        let mut lists: Vec<(&'static str, Vec<String>)> = Vec::new();
        let (mut skip, mut take) = (None, None);
        for (name, value) in pairs(text, issues) {
            let list = name.strip_suffix("[]").unwrap_or(&name);
            if let Some((list, _)) = LISTS.iter().find(|(known, _)| *known == list) {
                match lists.iter_mut().find(|(known, _)| known == list) {
                    Some((_, values)) => values.push(value),
                    None => lists.push((*list, vec![value])),
                }
                continue;
            }
            let slot = match name.as_str() {
                "skip" => &mut skip,
                "take" => &mut take,
                _ => {
                    issues.add(Code::QueryValidation, name, UNKNOWN);
                    continue;
                }
            };
            if slot.replace(value).is_some() {
                issues.add(Code::QueryValidation, name, TWICE);
            }
        }
        let skip = skip.map_or(Some(0), |text| text.parse().ok());
        let take = take.map_or(Some(TAKE_DEFAULT), |text| text.parse().ok());
        let take = take.filter(|take| (1..=TAKE_MAX).contains(take));
        if skip.is_none() {
            issues.add(Code::QueryValidation, "skip".to_owned(), "must be a whole number from 0");
        }
        if take.is_none() {
            let rule = format!("must be a whole number from 1 to {TAKE_MAX}");
            issues.add(Code::QueryValidation, "take".to_owned(), &rule);
        }
        skip.zip(take).map(|(skip, take)| Self { lists, skip, take })
    }

    /// The lists as filters, in their order.
    pub fn filters(&self) -> Vec<RawFilter> {
        let filter = |(name, values): &(&'static str, Vec<String>)| RawFilter {
            key: LISTS.iter().find(|(list, _)| list == name).map(|(_, key)| (*key).to_owned()),
            in_: Some(values.iter().cloned().map(RawValue::Text).collect()),
            ..RawFilter::default()
        };
        self.lists.iter().map(filter).collect()
    }

    /// The refusal of the filters, with the names of the parameters: `filters[0].in[2]` becomes
    /// `statuses[2]`.
    pub fn refuse(&self, refusal: &Refusal) -> Failure {
        let path = |field: &str| {
            let (index, rest) = field.strip_prefix("filters[")?.split_once(']')?;
            let (name, _) = self.lists.get(index.parse::<usize>().ok()?)?;
            Some(format!("{name}{}", rest.strip_prefix(".in")?))
        };
        let issues = refusal.violations.iter().map(|fault| {
            let path = path(&fault.field).unwrap_or_else(|| "query".to_owned());
            // This door has no operators, so a hint to use one is removed.
            let rule = fault.description.strip_suffix(USE_EXISTS).unwrap_or(&fault.description);
            Issue::at(Code::QueryValidation, path, rule)
        });
        Failure::new(StatusCode::BAD_REQUEST, issues.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Query {
        let mut issues = Issues::default();
        let query = Query::parse(text, &mut issues);
        issues.finish(query).unwrap()
    }

    #[test]
    fn lists_are_repeated_names_with_or_without_brackets() {
        let query = parse("statuses=active&emails[]=a%2Bb%40x.com&statuses%5B%5D=in+vited&skip=7&take=9");
        let (statuses, emails) =
            (vec!["active".to_owned(), "in vited".to_owned()], vec!["a+b@x.com".to_owned()]);
        let lists = vec![("statuses", statuses), ("emails", emails)];
        assert_eq!(query, Query { lists, skip: 7, take: 9 });
        assert_eq!(parse(""), Query { lists: Vec::new(), skip: 0, take: TAKE_DEFAULT });
    }

    #[test]
    fn a_parameter_that_is_not_utf8_is_refused_and_the_others_are_read() {
        let mut issues = Issues::default();
        assert_eq!(pairs("a=%C3&b=1&c=%A9", &mut issues), [("b".to_owned(), "1".to_owned())]);
        let text = format!("{:?}", issues.finish(Some(())).unwrap_err());
        assert_eq!(text.matches("query must be percent-encoded UTF-8").count(), 2, "{text}");
    }

    #[test]
    fn a_refusal_speaks_of_the_parameters() {
        let query = parse("emails=a&statuses=b");
        let refusal = Refusal::field(crate::model::Reason::FilterInvalid, "filters[1].in[0]", "must be x");
        let text = format!("{:?}", query.refuse(&refusal));
        assert!(text.contains("\"statuses[0]\"") && text.contains("statuses[0] must be x"), "{text}");
        let empty = format!("must not be empty{USE_EXISTS}");
        let refusal = Refusal::field(crate::model::Reason::FilterInvalid, "filters[0].in[0]", empty);
        let text = format!("{:?}", query.refuse(&refusal));
        assert!(text.contains("must not be empty") && !text.contains("exists"), "{text}");
    }
}
