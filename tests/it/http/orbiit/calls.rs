//! Every call of this door, for tests that try them all.

use serde_json::{Value, json};

use super::{Orbiit, member};
use crate::http::Reply;

/// A call that succeeds for every caller and at every repeat.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: &'static str,
    pub path: String,
    /// The access level that it needs.
    pub needs: &'static str,
    pub body: Option<Value>,
}

/// The calls that can be repeated, about this audience.
pub fn every_call(audience: &str) -> Vec<Call> {
    let call = |method, path: &str, needs, body| Call { method, path: path.to_owned(), needs, body };
    let one = format!("audiences/{audience}");
    let members = format!("{one}/members");
    let nobody = json!({"memberIds": ["m_00000000000000000000000000"]});
    vec![
        call("GET", "members", "read", None),
        call("POST", "members", "write", Some(json!({"members": [member("own@example.com")]}))),
        call("DELETE", "members", "write", Some(nobody.clone())),
        call("GET", "audiences", "read", None),
        call("GET", &one, "read", None),
        call("PATCH", &one, "write", Some(json!({}))),
        call("GET", &members, "read", None),
        call("POST", &members, "write", Some(nobody.clone())),
        call("DELETE", &members, "write", Some(nobody)),
        call("POST", "audiences/preview", "read", Some(json!({"filter": []}))),
    ]
}

/// The calls that succeed once.
pub fn single_calls(audience: &str) -> Vec<Call> {
    let call = |method, path: &str, body| Call { method, path: path.to_owned(), needs: "write", body };
    vec![
        call("POST", "audiences", Some(json!({"name": "New"}))),
        call("DELETE", &format!("audiences/{audience}"), None),
    ]
}

impl Call {
    /// Makes the call.
    pub async fn of(&self, orbiit: &Orbiit) -> Reply {
        orbiit.call(self.method, &self.path, self.body.clone()).await
    }
}
