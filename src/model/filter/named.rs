//! Checks the attributes that a filter names against the schema of its memberbase.
//!
//! A filter is parsed before the memberbase is opened, so this check comes later, under the view that the
//! list reads. It refuses a key that is not in the schema: no member has a value for it, so `ne` would return
//! every member. It also refuses an operand that is not of the attribute's type: no value equals it, precedes
//! it or follows it. Without a schema it accepts every key and operand, because members of old stores may
//! have attributes from before there were schemas.

use std::collections::BTreeSet;

use crate::model::attributes::schema::{AttributeSchema, AttributeType};
use crate::model::filter::raw::{RawOperator, RawValue};
use crate::model::filter::{Filter, NamedAudiences};
use crate::model::refusal::error::{Reason, Refusal, Violations};
use crate::model::value::time::instant;
use crate::model::words::{did_you_mean, nearest};

/// The most keys of a schema that a refusal lists; it counts the others.
const KEYS_LISTED: usize = 20;

/// A filter, and what it names.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The filter.
    pub filter: Filter,
    /// What it names.
    pub named: Named,
}

/// What a filter names of its memberbase. It is checked once the memberbase is open.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Named {
    /// The attributes.
    pub attributes: NamedAttributes,
    /// The audiences.
    pub audiences: NamedAudiences,
}

/// For a filter that names nothing.
impl From<Filter> for Parsed {
    fn from(filter: Filter) -> Self {
        Self { filter, named: Named::default() }
    }
}

/// The attributes that a filter names, one for each of its conditions on an attribute.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NamedAttributes(pub(super) Vec<NamedAttribute>);

/// A condition on an attribute.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NamedAttribute {
    /// The path of the condition.
    pub path: String,
    /// The key of the attribute.
    pub key: String,
    /// The name of the operator.
    pub operator: &'static str,
    /// The shapes of its operands.
    pub shapes: Shapes,
}

/// The shape of an operand: what decides with which types it can be compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// A text that is not a date.
    Word,
    /// A text that is also a date.
    Moment,
    Number,
    Bool,
}

/// The shapes of the operands of a condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shapes {
    /// The condition has no operand.
    None,
    /// A text to find in values.
    Pattern,
    /// One operand.
    One(Option<Shape>),
    /// Several operands: each shape with the index of the first operand that has it.
    List(Vec<(Shape, usize)>),
}

impl Shape {
    /// `None` for a value that is not allowed as an operand.
    fn of(value: &RawValue) -> Option<Self> {
        match value {
            RawValue::Text(text) if instant(text).is_some() => Some(Self::Moment),
            RawValue::Text(_) => Some(Self::Word),
            RawValue::Number(_) => Some(Self::Number),
            RawValue::Bool(_) => Some(Self::Bool),
            RawValue::Null | RawValue::List(_) | RawValue::Object => None,
        }
    }

    /// Whether an operand of this shape can be compared with values of the type `kind`.
    fn fits(self, kind: AttributeType) -> bool {
        match kind {
            AttributeType::String | AttributeType::Array => matches!(self, Self::Word | Self::Moment),
            AttributeType::Number => self == Self::Number,
            AttributeType::Boolean => self == Self::Bool,
            AttributeType::Date => self == Self::Moment,
        }
    }
}

impl Shapes {
    pub(super) fn of(operator: &RawOperator) -> Self {
        match operator {
            RawOperator::Compare(_, value) => Self::One(Shape::of(value)),
            RawOperator::In { values, .. } => {
                let mut shapes: Vec<(Shape, usize)> = Vec::new();
                for (index, shape) in
                    values.iter().enumerate().filter_map(|(index, value)| Some((index, Shape::of(value)?)))
                {
                    if !shapes.iter().any(|(known, _)| *known == shape) {
                        shapes.push((shape, index));
                    }
                }
                Self::List(shapes)
            }
            RawOperator::Prefix(_) | RawOperator::Regex(_) => Self::Pattern,
            RawOperator::Exists(_) | RawOperator::And(_) | RawOperator::Or(_) => Self::None,
        }
    }
}

impl NamedAttributes {
    /// The keys that `schema` lacks, or compares with operands of another type, each once.
    pub fn unfit(&self, schema: &AttributeSchema) -> BTreeSet<&str> {
        let is_unfit = |one: &&NamedAttribute| Self(vec![(*one).clone()]).check(Some(schema)).is_err();
        self.0.iter().filter(is_unfit).map(|one| one.key.as_str()).collect()
    }

    /// The key of the condition that a fault of this field is about.
    #[must_use]
    pub fn key_at(&self, field: &str) -> Option<&str> {
        let is_within =
            |one: &&NamedAttribute| field.strip_prefix(&one.path).is_some_and(|rest| rest.starts_with('.'));
        self.0.iter().find(is_within).map(|one| one.key.as_str())
    }

    /// Refuses keys that are not in `schema`, and operands that are not of their types. Accepts everything
    /// without a schema.
    pub fn check(&self, schema: Option<&AttributeSchema>) -> Result<(), Refusal> {
        let Some(schema) = schema else { return Ok(()) };
        let mut faults = Violations::default();
        for NamedAttribute { path, key, operator, shapes } in &self.0 {
            let Some(kind) = schema.types.get(key) else {
                let description = unknown(key, schema, faults.is_empty());
                faults.add(Reason::FilterInvalid, format!("{path}.key"), description);
                continue;
            };
            let mut refuse = |place: String, description| {
                faults.add(Reason::FilterInvalid, format!("{path}.{operator}{place}"), description);
            };
            let must_be = || format!("must be {}", of_one(*kind));
            match shapes {
                Shapes::One(Some(shape)) if !shape.fits(*kind) => refuse(String::new(), must_be()),
                Shapes::List(shapes) => {
                    for (_, index) in shapes.iter().filter(|(shape, _)| !shape.fits(*kind)) {
                        refuse(format!("[{index}]"), must_be());
                    }
                }
                Shapes::Pattern if !matches!(kind, AttributeType::String | AttributeType::Array) => {
                    let description = "cannot be used with this key, which is not a text".to_owned();
                    refuse(String::new(), description);
                }
                Shapes::None | Shapes::Pattern | Shapes::One(_) => {}
            }
        }
        faults.finish(())
    }
}

/// What an operand on an attribute must be. A list is compared by its strings.
fn of_one(kind: AttributeType) -> &'static str {
    if kind == AttributeType::Array { AttributeType::String.wanted() } else { kind.wanted() }
}

/// The refusal of a `key` that is not in the schema. Only the first (`is_first`) suggests a similar key,
/// because a filter may have a thousand conditions.
fn unknown(key: &str, AttributeSchema { types, .. }: &AttributeSchema, is_first: bool) -> String {
    let mut keys: Vec<&str> = types.keys().map(String::as_str).take(KEYS_LISTED).collect();
    let more = format!("and {} more", types.len() - keys.len());
    if types.len() > keys.len() {
        keys.push(&more);
    }
    let has = if keys.is_empty() { "no keys".to_owned() } else { keys.join(", ") };
    let meant = if is_first { nearest(key, types.keys().map(String::as_str)) } else { None };
    format!("must be a key of the attribute schema, which has {has}{}", did_you_mean(meant))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::attributes::schema::{SentDefinition, parse_schema};
    use crate::model::value::time::Timestamp;

    fn schema(types: impl IntoIterator<Item = (String, &'static str)>) -> AttributeSchema {
        let definition = |kind: &str| SentDefinition { kind: kind.to_owned(), indexed: false };
        let wanted = parse_schema(types.into_iter().map(|(key, kind)| (key, definition(kind)))).unwrap();
        AttributeSchema::following(None, &wanted, 1, Timestamp::from_micros(0))
    }

    fn strings(keys: usize) -> AttributeSchema {
        schema((0..keys).map(|key| (format!("k{key:02}"), "string")))
    }

    fn condition(path: &str, key: &str, operator: &'static str, shapes: Shapes) -> NamedAttribute {
        NamedAttribute { path: path.to_owned(), key: key.to_owned(), operator, shapes }
    }

    fn told(named: Vec<NamedAttribute>, schema: &AttributeSchema) -> Vec<(String, String)> {
        let refusal = match NamedAttributes(named).check(Some(schema)) {
            Ok(()) => return Vec::new(),
            Err(refusal) => refusal,
        };
        assert_eq!(refusal.reason, Reason::FilterInvalid);
        refusal.violations.into_iter().map(|fault| (fault.field, fault.description)).collect()
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_known_ones() {
        let named = || {
            vec![
                condition("filters[0]", "k00", "exists", Shapes::None),
                condition("filters[1].or[0]", "K00", "exists", Shapes::None),
            ]
        };
        assert_eq!(NamedAttributes(named()).check(None), Ok(()));
        let has = |what: &str| format!("must be a key of the attribute schema, which has {what}");
        let two = told(named(), &strings(2));
        assert_eq!(two, [("filters[1].or[0].key".to_owned(), has("k00, k01; did you mean k00?"))]);
        let none = told(named(), &strings(0));
        assert_eq!((none.len(), none[1].1.clone()), (2, has("no keys")));
        let many = told(named(), &strings(33));
        assert!(many[0].1.contains("k18, k19, and 13 more"), "{many:?}");
    }

    #[test]
    fn operands_of_another_type_are_refused_with_the_type() {
        let types = ["string", "number", "boolean", "date", "array"];
        let schema = schema(types.map(|kind| (kind.to_owned(), kind)));
        let operands = [
            (RawValue::Text("a".to_owned()), [true, false, false, false, true]),
            (RawValue::Text("2026-02-03".to_owned()), [true, false, false, true, true]),
            (RawValue::Number(1.0), [false, true, false, false, false]),
            (RawValue::Bool(true), [false, false, true, false, false]),
        ];
        for (place, kind) in types.into_iter().enumerate() {
            for (operand, fits) in &operands {
                let one = condition("filters[0]", kind, "ne", Shapes::One(Shape::of(operand)));
                let told = told(vec![one], &schema);
                assert_eq!(told.is_empty(), fits[place], "{kind} {operand:?}");
                assert!(
                    told.iter().all(|(path, text)| path == "filters[0].ne" && text.starts_with("must be "))
                );
            }
            let pattern = condition("filters[0]", kind, "prefix", Shapes::Pattern);
            assert_eq!(told(vec![pattern], &schema).is_empty(), matches!(kind, "string" | "array"));
        }
        let values =
            ["2026-02-03", "2026-02-04", "tomorrow", "never"].map(|text| RawValue::Text(text.to_owned()));
        let list = RawOperator::In { values: values.to_vec(), negated: false };
        let list = condition("filters[0]", "date", "in", Shapes::of(&list));
        let date = "must be a date such as 2026-02-03T04:05:06Z or 2026-02-03, as the attribute schema says";
        assert_eq!(told(vec![list], &schema), [("filters[0].in[2]".to_owned(), date.to_owned())]);
    }
}
