//! The content of a creative: any object, kept as it was given. Only a key that is given twice is refused, because one
//! of its values would be lost.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::api::http::json::Name;
use crate::model::limits::{CREATIVE_CONTENT_MAX_BYTES, UNSAFE_INTEGER};

/// An object.
#[derive(Debug)]
pub struct Content(Map<String, Value>);

impl Content {
    /// Its text.
    pub fn into_text(self) -> String {
        Value::Object(self.0).to_string()
    }
}

impl JsonSchema for Content {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Content".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let description = format!("at most {CREATIVE_CONTENT_MAX_BYTES} bytes of JSON");
        let part = generator.subschema_for::<Part>();
        json_schema!({ "type": "object", "additionalProperties": part, "description": description })
    }
}

impl JsonSchema for Part {
    fn schema_name() -> Cow<'static, str> {
        "CreativeContent".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let part = generator.subschema_for::<Part>();
        json_schema!({ "anyOf": [
            { "type": ["null", "boolean", "string"] },
            { "type": "number", "exclusiveMinimum": -UNSAFE_INTEGER, "exclusiveMaximum": UNSAFE_INTEGER },
            { "type": "array", "items": part },
            { "type": "object", "additionalProperties": part },
        ]})
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Content, A::Error> {
                object(map).map(Content)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

fn object<'de, A: MapAccess<'de>>(mut map: A) -> Result<Map<String, Value>, A::Error> {
    let mut entries = Map::new();
    while let Some((key, Part(value))) = map.next_entry::<Name<'de>, Part>()? {
        if entries.contains_key(key.as_ref()) {
            return Err(de::Error::custom(format_args!("duplicate field `{key}`")));
        }
        entries.insert(key.into_owned(), value);
    }
    Ok(entries)
}

/// Any value in it.
struct Part(Value);

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_string<E>(self, value: String) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                let mut values = Vec::new();
                while let Some(Part(value)) = list.next_element()? {
                    values.push(value);
                }
                Ok(values.into())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
                object(map).map(Value::Object)
            }
        }
        deserializer.deserialize_any(Any).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::http::json::parse_with;

    #[test]
    fn an_object_comes_back_and_no_key_is_lost() {
        let parse = |text: &str| parse_with(text.as_bytes(), std::marker::PhantomData::<Content>);
        let text = r#"{"a":[1,-2,2.5,null,true,"x"],"b":{"c":{}},"d":9007199254740993}"#;
        assert_eq!(parse(text).unwrap().into_text(), text);
        for (text, field) in
            [(r#"{"a":1,"a":2}"#, "a"), (r#"{"x":[{"a":1,"b":2,"a":3}]}"#, "x[0].a"), ("[]", "")]
        {
            assert_eq!(parse(text).unwrap_err().violations[0].field, field, "{text}");
        }
    }
}
