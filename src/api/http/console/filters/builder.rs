//! A condition put together from a field, a comparison and a value. It becomes a line of the filter.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::api::http::console::fields::{fields, label, label_of};
use crate::api::http::console::visit::Visit;
use crate::directory::BaseSummary;
use crate::model::ProfileField;
use crate::model::filter::written::{Place, condition};
use crate::model::schema::AttributeType;

/// How a value is compared: as it is written, and as people say it.
const COMPARISONS: [(&str, &str); 7] = [
    ("=", "is"),
    ("!=", "is not"),
    ("^=", "begins with"),
    (">", "is more than"),
    (">=", "is at least"),
    ("<", "is less than"),
    ("<=", "is at most"),
];
/// The field whose value is true or false.
const BOOLEAN: &str = "enable_payroll";

/// What a person chose.
struct Chosen<'a> {
    field: &'a str,
    comparison: &'a str,
    value: &'a str,
}

/// The filter that was sent, with the condition that was chosen; `None` if none was chosen.
pub fn chosen(visit: &Visit, base: &BaseSummary) -> Option<String> {
    let chosen = Chosen {
        field: visit.sent("build-field"),
        comparison: visit.sent("build-how"),
        value: visit.sent("build-value"),
    };
    let kind = |key: &str| base.schema.as_ref().and_then(|schema| schema.types.get(key).copied());
    let is_text = |key: &str| !matches!(kind(key), Some(AttributeType::Number | AttributeType::Boolean));
    chosen.added_to(visit.sent("filter"), is_text)
}

impl Chosen<'_> {
    /// The filter with the condition that was chosen; `None` if none was. `texts` says whether the values of
    /// the attribute with this key are texts.
    fn added_to(&self, filter: &str, texts: impl Fn(&str) -> bool) -> Option<String> {
        let comparison = COMPARISONS.iter().map(|(sign, _)| *sign).find(|sign| *sign == self.comparison);
        let (comparison, value) = (comparison.unwrap_or("="), self.value.trim());
        if self.field.is_empty() || value.is_empty() {
            return None;
        }
        let is_text = match self.field.strip_prefix("attributes.") {
            Some(key) => texts(key),
            None => self.field != BOOLEAN,
        };
        let written = written(self.field, comparison, value, is_text);
        let filter = filter.trim();
        Some(match filter.chars().next() {
            None => written,
            Some('[' | '{') => in_json(filter, &written),
            Some(_) => format!("{filter}\n{written}"),
        })
    }
}

/// The condition, in which the value means what it says. Quotes are left out where they are not needed.
fn written(field: &str, comparison: &str, value: &str, is_text: bool) -> String {
    let plain = format!("{field}{comparison}{value}");
    let is_meant = |found: &Value| {
        let found = found.as_object().and_then(|found| found.iter().find(|(name, _)| *name != "key"));
        found.is_some_and(|(_, found)| !is_text || found.as_str() == Some(value))
    };
    match condition(Place::Lines, &plain) {
        Ok(found) if is_meant(&found) => plain,
        _ => format!("{field}{comparison}{}", json!(value)),
    }
}

/// A filter in JSON, with one more condition. A filter that is no valid JSON gets it in a line of its own: the
/// page says what is wrong with it.
fn in_json(filter: &str, written: &str) -> String {
    let list = if filter.starts_with('[') { filter.to_owned() } else { format!("[{filter}]") };
    match (serde_json::from_str(&list), condition(Place::Lines, written)) {
        (Ok(Value::Array(mut conditions)), Ok(more)) => {
            conditions.push(more);
            Value::Array(conditions).to_string()
        }
        _ => format!("{filter}\n{written}"),
    }
}

/// The choices. `keys` are those of the attributes.
pub fn builder<'a>(keys: impl Iterator<Item = &'a String>) -> Markup {
    let in_words = |field: &ProfileField| *field != ProfileField::AccountDetails;
    html! {
        fieldset {
            legend { "Add a condition" }
            div.row {
                div.fixed {
                    label for="build-field" { "Field" }
                    select #build-field name="build-field" {
                        option value="" { "Choose one" }
                        @for name in ["status", "created_at", "updated_at"] { option value=(name) { (label_of(name)) } }
                        @for field in fields().filter(in_words) { option value=(field.as_str()) { (label(field)) } }
                        @for key in keys.filter(|key| is_plain(key)) { option value={ "attributes." (key) } { (key) } }
                    }
                }
                div.fixed {
                    label for="build-how" { "Comparison" }
                    select #build-how name="build-how" {
                        @for (sign, words) in COMPARISONS { option value=(sign) { (words) } }
                    }
                }
                div.grow { label for="build-value" { "Value" } input #build-value type="text" name="build-value" autocomplete="off"; }
                button type="submit" { "Add" }
            }
        }
    }
}

/// Whether a line can name an attribute with this key. Others need JSON.
fn is_plain(key: &str) -> bool {
    let line = format!("attributes.{key}=\"\"");
    condition(Place::Lines, &line)
        .is_ok_and(|found| found.get("key").and_then(Value::as_str) == line.strip_suffix("=\"\""))
}

/// What stands below a filter.
pub const HINT: &str = "One condition in each line; all must hold. The signs are = != ^= (begins with) > >= < <=, and an \
                        attribute is written as attributes.KEY. JSON, as the API takes it, works too.";

#[cfg(test)]
mod tests {
    use super::*;

    fn added(filter: &str, field: &str, comparison: &str, value: &str) -> Option<String> {
        Chosen { field, comparison, value }.added_to(filter, |key| key == "team")
    }

    #[test]
    fn a_chosen_condition_is_written_as_a_person_would_and_means_the_value() {
        for (field, comparison, value, line) in [
            ("tier", "=", "Gold", "tier=Gold"),
            ("company", "^=", " Acme Ltd ", "company^=Acme Ltd"),
            ("dob", "<", "1990-01-01", "dob<1990-01-01"),
            ("enable_payroll", "=", "true", "enable_payroll=true"),
            ("attributes.team", "=", "5", "attributes.team=\"5\""),
            ("attributes.size", ">=", "5", "attributes.size>=5"),
            ("tier", "=", "Gold, Silver", "tier=\"Gold, Silver\""),
            ("tier", "=", "null", "tier=\"null\""),
            ("last_name", "=", "a\" or \"b", "last_name=a\" or \"b"),
            ("last_name", "=", "\"a", "last_name=\"\\\"a\""),
            ("role", "=", "a or tier=b", "role=\"a or tier=b\""),
            ("tier", "like", "Gold", "tier=Gold"),
        ] {
            let written = added("", field, comparison, value).unwrap();
            assert_eq!(written, line);
            condition(Place::Lines, &written).unwrap();
        }
        assert_eq!((added("", "", "=", "x"), added("", "tier", "=", " ")), (None, None));
    }

    #[test]
    fn it_joins_the_filter_that_is_there() {
        assert_eq!(added(" status=active\n", "tier", "=", "Gold").unwrap(), "status=active\ntier=Gold");
        let json = added("{\"key\": \"phone\", \"exists\": false}", "tier", "=", "Gold").unwrap();
        let found: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(found, json!([{"key": "phone", "exists": false}, {"key": "tier", "eq": "Gold"}]));
        assert_eq!(added("[", "tier", "=", "Gold").unwrap(), "[\ntier=Gold");
    }

    #[test]
    fn only_attributes_that_a_line_can_name_are_offered() {
        let keys = ["team".to_owned(), "with space".to_owned(), "a=b".to_owned()];
        let shown = builder(keys.iter()).into_string();
        assert!(shown.contains("attributes.team") && !shown.contains("with space") && !shown.contains("a=b"));
    }
}
