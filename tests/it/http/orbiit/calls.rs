//! Every call of this door, for tests that try them all.

use serde_json::{Value, json};

use super::{Orbiit, member};
use crate::http::Reply;

/// A call that succeeds for every caller and at every repeat.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: &'static str,
    pub path: &'static str,
    /// The access level that it needs.
    pub needs: &'static str,
    pub body: Option<Value>,
}

/// Every call.
pub fn every_call() -> Vec<Call> {
    let call = |method, path, needs, body| Call { method, path, needs, body };
    vec![
        call("GET", "members", "read", None),
        call("POST", "members", "write", Some(json!({"members": [member("own@example.com")]}))),
        call("DELETE", "members", "write", Some(json!({"memberIds": ["m_00000000000000000000000000"]}))),
    ]
}

impl Call {
    /// Makes the call.
    pub async fn of(&self, orbiit: &Orbiit) -> Reply {
        orbiit.call(self.method, self.path, self.body.clone()).await
    }
}
