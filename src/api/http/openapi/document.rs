//! A document that is being built.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// A document that is being built.
pub struct Document {
    requests: SchemaGenerator,
    replies: SchemaGenerator,
    paths: Map<String, Value>,
}

impl Document {
    /// A document without calls.
    pub fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
            settings.transforms.push(Box::new(RecursiveTransform(close)));
        });
        let replies = settings.clone().for_serialize().into_generator();
        Self { requests: settings.into_generator(), replies, paths: Map::new() }
    }

    /// The schema of what callers send.
    pub fn request<T: JsonSchema>(&mut self) -> Value {
        closed(self.requests.subschema_for::<T>())
    }

    /// The schema of what the server returns.
    pub fn reply<T: JsonSchema>(&mut self) -> Value {
        closed(self.replies.subschema_for::<T>())
    }

    /// Adds a call.
    pub fn add(&mut self, path: &str, method: &str, operation: Value) {
        let item = self.paths.entry(path).or_insert_with(|| json!({}));
        if let Some(methods) = item.as_object_mut() {
            methods.insert(method.to_lowercase(), operation);
        }
    }

    /// The document, with the door's title, description and security schemes.
    pub fn finish(mut self, title: &str, description: &str, schemes: &Value) -> Value {
        let mut schemas = self.requests.take_definitions(true);
        schemas.extend(self.replies.take_definitions(true));
        let security: Vec<Value> =
            schemes.as_object().into_iter().flat_map(Map::keys).map(|name| json!({ name: [] })).collect();
        json!({
            "openapi": "3.1.0",
            "info": { "title": title, "description": description, "version": env!("CARGO_PKG_VERSION") },
            "servers": [{ "url": "/" }],
            "security": security,
            "paths": self.paths,
            "components": { "schemas": schemas, "securitySchemes": schemes },
        })
    }
}

/// A body of JSON.
pub fn content(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

fn closed(mut schema: Schema) -> Value {
    schemars::transform::transform_subschemas(&mut RecursiveTransform(close), &mut schema);
    close(&mut schema);
    schema.to_value()
}

/// Closes an object to fields that its schema does not list, unless the schema allows others. Removes the
/// sizes of integers in Rust, which are not part of the interface.
fn close(schema: &mut Schema) {
    let is_format = |format: &Value| format.as_str().is_some_and(|name| name.contains("int"));
    if schema.get("format").is_some_and(is_format) {
        schema.remove("format");
    }
    let is_object = schema.get("type").is_some_and(|kind| kind == "object");
    if is_object && schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
}
