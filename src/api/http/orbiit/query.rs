//! The parameters of calls, in the query of their URLs.

use serde_json::{Value, json};

use super::audience::AudienceId;
use super::failure::Failure;
use crate::api::http::expected::number;
use crate::api::http::openapi::Document;
use crate::api::http::query::{NOT_UTF8, TWICE, UNKNOWN, pairs};
use crate::directory::RawPage;
use crate::model::limits::SEARCH_MAX_BYTES;
use crate::model::{Direction, RawSort, Reason, Refusal, Violations};

/// Members of a page if the caller sets no limit.
const LIMIT_DEFAULT: u64 = 30;
/// Most members of a page.
const LIMIT_MAX: u64 = 1_000;
/// The parameters of every list, and their names. Both names of the cursor mean the same.
const PAGE: [&str; 4] = ["limit", "sortDirection", "cursor", "after"];
/// The parameters of a list of the members of an audience.
const OF_AUDIENCE: [&str; 5] = with("search");
/// The parameters of a list of members.
const OF_MEMBERS: [&str; 6] = {
    let [limit, direction, cursor, after, search] = OF_AUDIENCE;
    [limit, direction, cursor, after, search, "audienceId"]
};
/// The parameters of a list of audiences.
const OF_AUDIENCES: [&str; 5] = with("includeArchived");

const fn with(name: &'static str) -> [&'static str; 5] {
    let [limit, direction, cursor, after] = PAGE;
    [limit, direction, cursor, after, name]
}

/// The parameters of a call.
pub trait Query: Sized + Send {
    /// Reads them from the text after `?`.
    fn parse(text: &str) -> Result<Self, Failure>;

    /// Their descriptions, for the document.
    fn parameters(_document: &mut Document) -> Vec<Value> {
        Vec::new()
    }
}

/// A call without parameters.
impl Query for () {
    fn parse(text: &str) -> Result<(), Failure> {
        Ok(take(text, []).map(drop)?)
    }
}

/// Which page of a list a caller asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Paging {
    /// Most members.
    limit: u64,
    /// The end at which the list begins.
    direction: Direction,
    /// The name of the parameter with the cursor, and the cursor.
    cursor: Option<(&'static str, String)>,
}

impl Query for Paging {
    fn parse(text: &str) -> Result<Self, Failure> {
        let mut faults = Violations::default();
        let paging = Self::of(take(text, PAGE)?, &mut faults);
        Ok(faults.finish(paging)?)
    }

    fn parameters(_document: &mut Document) -> Vec<Value> {
        page_parameters()
    }
}

/// Which members of an audience a caller asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Searching {
    /// The page.
    pub paging: Paging,
    /// The words to search for.
    pub search: Option<String>,
}

impl Query for Searching {
    fn parse(text: &str) -> Result<Self, Failure> {
        let mut faults = Violations::default();
        let searching = Self::of(take(text, OF_AUDIENCE)?, &mut faults);
        Ok(faults.finish(searching)?)
    }

    fn parameters(_document: &mut Document) -> Vec<Value> {
        let schema = json!({ "type": "string", "maxLength": SEARCH_MAX_BYTES });
        let [.., name] = OF_AUDIENCE;
        let description = "Only members that have these words: each is the beginning of a word of the e-mail \
                           address, a name, the role, the company, the ref or the worker id. Case and accents \
                           make no difference.";
        page_parameters().into_iter().chain([parameter(name, schema, description)]).collect()
    }
}

impl Searching {
    fn of([limit, direction, cursor, after, search]: [Option<String>; 5], faults: &mut Violations) -> Self {
        let paging = Paging::of([limit, direction, cursor, after], faults);
        // Clients send an empty text as long as nobody has typed anything.
        Self { paging, search: search.filter(|text| !text.is_empty()) }
    }
}

/// Which members a caller asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct MemberPaging {
    /// The page, and the words to search for.
    pub searching: Searching,
    /// The id of the audience.
    pub audience: Option<String>,
}

impl Query for MemberPaging {
    fn parse(text: &str) -> Result<Self, Failure> {
        let [limit, direction, cursor, after, search, audience] = take(text, OF_MEMBERS)?;
        let mut faults = Violations::default();
        let searching = Searching::of([limit, direction, cursor, after, search], &mut faults);
        Ok(faults.finish(Self { searching, audience })?)
    }

    fn parameters(document: &mut Document) -> Vec<Value> {
        let schema = document.request::<AudienceId>();
        let [.., name] = OF_MEMBERS;
        let audience = parameter(name, schema, "Only the members of this audience.");
        Searching::parameters(document).into_iter().chain([audience]).collect()
    }
}

/// Which audiences a caller asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct AudiencePaging {
    /// The page.
    pub paging: Paging,
    /// Whether to list archived ones as well.
    pub include_archived: bool,
}

impl Query for AudiencePaging {
    fn parse(text: &str) -> Result<Self, Failure> {
        let [limit, direction, cursor, after, include_archived] = take(text, OF_AUDIENCES)?;
        let [.., name] = OF_AUDIENCES;
        let mut faults = Violations::default();
        if include_archived.as_deref().is_some_and(|word| word != "true" && word != "false") {
            faults.add(Reason::FieldInvalid, name, "must be true or false");
        }
        let paging = Paging::of([limit, direction, cursor, after], &mut faults);
        Ok(faults.finish(Self { paging, include_archived: include_archived.as_deref() == Some("true") })?)
    }

    fn parameters(_document: &mut Document) -> Vec<Value> {
        let schema = json!({ "type": "boolean", "default": false });
        let [.., name] = OF_AUDIENCES;
        let archived = parameter(name, schema, "Whether to list archived audiences as well.");
        page_parameters().into_iter().chain([archived]).collect()
    }
}

impl Paging {
    fn of([limit, direction, cursor, after]: [Option<String>; 4], faults: &mut Violations) -> Self {
        let limit = match limit.as_deref().map(number) {
            None => LIMIT_DEFAULT,
            Some(Some(limit)) if (1..=LIMIT_MAX).contains(&limit) => limit,
            Some(_) => {
                let rule = format!("must be a whole number from 1 to {LIMIT_MAX}");
                faults.add(Reason::PageLimitInvalid, "limit", rule);
                LIMIT_DEFAULT
            }
        };
        let direction = match direction.as_deref() {
            None | Some("DESC") => Direction::Descending,
            Some("ASC") => Direction::Ascending,
            Some(_) => {
                faults.add(Reason::SortInvalid, "sortDirection", "must be ASC or DESC");
                Direction::Descending
            }
        };
        // Clients send an empty cursor for the first page.
        let given =
            |name, cursor: Option<String>| cursor.filter(|text| !text.is_empty()).map(|text| (name, text));
        let cursor = match (given("cursor", cursor), given("after", after)) {
            (Some(_), Some(_)) => {
                faults.add(Reason::FieldConflict, "after", "must not be given together with cursor");
                None
            }
            (cursor, after) => cursor.or(after),
        };
        Self { limit, direction, cursor }
    }

    /// The page, as the service reads it.
    pub fn raw(&self) -> RawPage {
        let direction = if self.direction.is_descending() { "desc" } else { "asc" };
        RawPage {
            limit: i64::try_from(self.limit).ok(),
            cursor: self.cursor.as_ref().map(|(_, cursor)| cursor.clone()),
            skip: None,
            sorts: vec![RawSort { key: "id".to_owned(), direction: Some(direction.to_owned()) }],
        }
    }

    /// The name of a field of [`Self::raw`] at this door.
    pub fn named(&self, field: &str) -> String {
        match (field, &self.cursor) {
            ("pagination.cursor", Some((name, _))) => (*name).to_owned(),
            _ => super::failure::named(field),
        }
    }
}

/// Takes the parameters with these names, each of which may be given once. Every fault is reported.
fn take<const N: usize>(text: &str, names: [&str; N]) -> Result<[Option<String>; N], Refusal> {
    let mut values = [const { None }; N];
    let mut faults = Violations::default();
    for pair in pairs(text) {
        let Some((name, value)) = pair else {
            faults.add(Reason::FieldInvalid, "query", NOT_UTF8);
            continue;
        };
        let place = names.iter().position(|known| *known == name);
        match place.and_then(|place| values.get_mut(place)) {
            None => faults.add(Reason::UnknownField, name, UNKNOWN),
            Some(slot) => {
                if slot.replace(value).is_some() {
                    faults.add(Reason::FieldInvalid, name, TWICE);
                }
            }
        }
    }
    faults.finish(values)
}

/// The parameters of a page, for the document.
fn page_parameters() -> Vec<Value> {
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT });
    let direction = json!({ "type": "string", "enum": ["ASC", "DESC"], "default": "DESC" });
    let cursor = json!({ "type": "string" });
    let [limit_name, direction_name, cursor_name, after_name] = PAGE;
    [
        (limit_name, limit, "Most entries of the page. A page of very large ones may have fewer."),
        (direction_name, direction, "The order by the time of creation: DESC begins with the newest."),
        (cursor_name, cursor.clone(), "A cursor of a page: the list goes on after the entry of the cursor."),
        (after_name, cursor, "The same as cursor."),
    ]
    .map(|(name, schema, description)| parameter(name, schema, description))
    .to_vec()
}

fn parameter(name: &str, schema: Value, description: &str) -> Value {
    json!({ "name": name, "in": "query", "required": false, "schema": schema, "description": description })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Paging, Refusal> {
        let mut faults = Violations::default();
        let paging = Paging::of(take(text, PAGE)?, &mut faults);
        faults.finish(paging)
    }

    #[test]
    fn a_page_has_defaults_and_two_names_for_its_cursor() {
        let page = |limit, direction, cursor: Option<(&'static str, &str)>| {
            let cursor = cursor.map(|(name, text)| (name, text.to_owned()));
            Ok(Paging { limit, direction, cursor })
        };
        assert_eq!(parse(""), page(30, Direction::Descending, None));
        assert_eq!(parse("limit=1000&sortDirection=ASC"), page(1_000, Direction::Ascending, None));
        assert_eq!(parse("cursor=a%2Bb&after="), page(30, Direction::Descending, Some(("cursor", "a+b"))));
        assert_eq!(parse("after=x"), page(30, Direction::Descending, Some(("after", "x"))));
        assert_eq!(parse("after=x").unwrap().named("pagination.cursor"), "after");
    }

    #[test]
    fn every_wrong_parameter_is_reported() {
        let cases: [(&str, &[&str]); 8] = [
            ("limit=0", &["limit"]),
            ("limit=1001", &["limit"]),
            ("limit=&sortDirection=up", &["limit", "sortDirection"]),
            ("limit=-1&sortDirection=asc", &["limit", "sortDirection"]),
            ("cursor=a&after=b", &["after"]),
            ("limit=1&limit=1", &["limit"]),
            ("Limit=1&skip=2", &["Limit", "skip"]),
            ("cursor=%ff", &["query"]),
        ];
        for (text, expected) in cases {
            let refusal = parse(text).unwrap_err();
            let fields: Vec<&str> = refusal.violations.iter().map(|fault| fault.field.as_str()).collect();
            assert_eq!(fields, expected, "{text}");
        }
    }
}
