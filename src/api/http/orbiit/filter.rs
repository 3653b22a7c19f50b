//! The filter of an audience, as callers send it: a list of conditions that must all hold, or one of them. The
//! conditions are those of lists at the Publisher door.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::api::http::filter::{Filter, raw};
use crate::api::http::json::Object;
use crate::model::RawFilter;

/// The name of the field.
const FIELD: &str = "filter";

/// A filter as sent.
#[derive(Debug)]
pub struct Sent(Vec<Object<Filter>>);

impl Sent {
    /// The conditions, which must all hold.
    pub fn raw(self) -> Vec<RawFilter> {
        raw(Some(self.0))
    }
}

/// A field of the service as this door names it: `filters[0].eq` is `filter[0].eq`.
pub fn named(field: &str) -> String {
    match field.strip_prefix("filters") {
        Some(rest) => format!("{FIELD}{rest}"),
        None => super::failure::named(field),
    }
}

impl JsonSchema for Sent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AudienceFilter".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<Filter>();
        json_schema!({
            "description": "a condition, or a list of conditions that must all hold; an empty list matches nobody",
            "anyOf": [{ "type": "array", "items": one }, one],
        })
    }
}

impl<'de> Deserialize<'de> for Sent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Sent;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or an array of objects")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Sent, A::Error> {
                Filter::deserialize(MapAccessDeserializer::new(map)).map(|one| Sent(vec![Object(one)]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Sent, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Sent)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}
