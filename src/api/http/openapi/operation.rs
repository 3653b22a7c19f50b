//! A call in a document.

use serde_json::{Map, Value, json};

use crate::api::http::about::About;

/// The call with this description, these parameters and responses, and a request body of this content, if it
/// reads one.
pub fn operation(
    about: &About,
    parameters: Vec<Value>,
    responses: Map<String, Value>,
    body: Option<Value>,
) -> Value {
    let mut operation = json!({
        "operationId": about.name.replace(' ', "_"),
        "tags": [about.name.split(' ').next().unwrap_or_default()],
        "summary": about.summary,
        "description": format!("Needs a token with the access level `{}`.", about.needs.as_str()),
        "parameters": parameters,
        "responses": responses,
    });
    if let Some((content, operation)) = body.zip(operation.as_object_mut()) {
        operation.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    operation
}
