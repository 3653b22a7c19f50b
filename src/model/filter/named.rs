//! The attributes that a filter names, held against the schema of its memberbase.
//!
//! A filter is parsed before the memberbase is looked at, so this comes later, under the view that the filter is answered
//! from. A key that the schema does not know is refused: nobody has a value for it, so `ne` would return everybody. Where there
//! is no schema every key is taken: members of old stores may have attributes from before there were schemas.

use crate::model::error::{Reason, Refusal, Violations};
use crate::model::filter::Filter;
use crate::model::schema::AttributeSchema;

/// Keys of a schema that a refusal lists; more are counted.
const KEYS_LISTED: usize = 20;

/// A filter, and what it names.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The filter.
    pub filter: Filter,
    /// The attributes that it looks at.
    pub attributes: NamedAttributes,
}

/// A filter that looks at no attribute.
impl From<Filter> for Parsed {
    fn from(filter: Filter) -> Self {
        Self { filter, attributes: NamedAttributes::default() }
    }
}

/// Attributes that a filter looks at, each with the path of its key.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NamedAttributes(pub(super) Vec<(String, String)>);

impl NamedAttributes {
    /// Refuses keys that `schema`, where there is one, does not know.
    pub fn check(&self, schema: Option<&AttributeSchema>) -> Result<(), Refusal> {
        let Some(AttributeSchema { types, .. }) = schema else { return Ok(()) };
        let mut faults = Violations::default();
        for (path, _) in self.0.iter().filter(|(_, key)| !types.contains_key(key)) {
            let mut keys: Vec<&str> = types.keys().map(String::as_str).take(KEYS_LISTED).collect();
            let more = format!("and {} more", types.len() - keys.len());
            if types.len() > keys.len() {
                keys.push(&more);
            }
            let has = if keys.is_empty() { "no keys".to_owned() } else { keys.join(", ") };
            let description = format!("must be a key of the attribute schema, which has {has}");
            faults.add(Reason::FilterInvalid, path.as_str(), description);
        }
        faults.finish(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::schema::{SentDefinition, parse_schema};
    use crate::model::time::Timestamp;

    fn schema(keys: usize) -> AttributeSchema {
        let definition = || SentDefinition { kind: "string".to_owned(), indexed: false };
        let wanted = parse_schema((0..keys).map(|key| (format!("k{key:02}"), definition()))).unwrap();
        AttributeSchema::following(None, &wanted, 1, Timestamp::from_micros(0))
    }

    #[test]
    fn an_unknown_key_is_refused_with_those_that_there_are() {
        let entry = |path: &str, key: &str| (path.to_owned(), key.to_owned());
        let named =
            NamedAttributes(vec![entry("filters[0].key", "k00"), entry("filters[1].or[0].key", "K00")]);
        assert_eq!(named.check(None), Ok(()));
        let told = |keys| {
            let refusal = named.check(Some(&schema(keys))).unwrap_err();
            assert_eq!(refusal.reason, Reason::FilterInvalid);
            refusal.violations.into_iter().map(|fault| (fault.field, fault.description)).collect::<Vec<_>>()
        };
        let has = |what: &str| format!("must be a key of the attribute schema, which has {what}");
        assert_eq!(told(2), [("filters[1].or[0].key".to_owned(), has("k00, k01"))]);
        assert_eq!(told(0).len(), 2);
        assert_eq!(told(0)[1].1, has("no keys"));
        assert!(told(33)[0].1.ends_with("k18, k19, and 13 more"), "{:?}", told(33));
    }
}
