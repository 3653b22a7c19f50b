//! The content of a creative: any object, stored as it was sent. Only a key that is given twice is refused,
//! because one of its values would be lost.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::api::http::tree::{Entries, Tree};
use crate::model::faulty_json::twice;
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

/// Any value in it.
struct Part;

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
        let mut path = String::new();
        object(Entries::deserialize(deserializer)?, &mut path).map(Self).ok_or_else(|| twice(&path))
    }
}

/// The object; `None` if it has a key twice, whose path is then in `path`.
fn object(Entries(entries): Entries, path: &mut String) -> Option<Map<String, Value>> {
    let mut object = Map::new();
    for (key, part) in entries {
        let outside = path.len();
        let dot = if path.is_empty() { "" } else { "." };
        path.push_str(&format!("{dot}{key}"));
        let value = value(part, path)?;
        if object.insert(key, value).is_some() {
            return None;
        }
        path.truncate(outside);
    }
    Some(object)
}

fn value(part: Tree, path: &mut String) -> Option<Value> {
    Some(match part {
        Tree::Null => Value::Null,
        Tree::Bool(value) => value.into(),
        Tree::Number(number) => Value::Number(number),
        Tree::Text(text) => text.into(),
        Tree::Object(entries) => object(entries, path)?.into(),
        Tree::List(parts) => {
            let mut values = Vec::with_capacity(parts.len());
            for (index, part) in parts.into_iter().enumerate() {
                let outside = path.len();
                path.push_str(&format!("[{index}]"));
                values.push(value(part, path)?);
                path.truncate(outside);
            }
            values.into()
        }
    })
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
