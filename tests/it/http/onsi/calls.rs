//! Every call of this door, for tests that try them all.

use serde_json::{Value, json};

use super::{Onsi, member};
use crate::http::Reply;

/// A well-formed id that no store ever assigned.
pub const NO_MEMBER: &str = "mem_00000000000000000000000000";

/// A call that succeeds for every caller and at every repeat, if the member in its path exists.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: &'static str,
    pub path: String,
    /// The access level that it needs.
    pub needs: &'static str,
    /// The HTTP status of its success.
    pub status: u16,
    pub body: Option<Value>,
    /// Whether its path contains a member.
    pub is_about_one: bool,
}

/// Every call. Calls about one member are about `id`, whose address is `email`.
pub fn every_call(id: &str, email: &str) -> Vec<Call> {
    let one = format!("members/{id}");
    let call = |method, path: &str, needs, status, body| {
        let (path, is_about_one) = (path.to_owned(), path.starts_with(&one));
        Call { method, path, needs, status, body, is_about_one }
    };
    vec![
        call("GET", "members", "read", 200, None),
        call("GET", "tiers", "read", 200, None),
        call("GET", &one, "read", 200, None),
        call("PATCH", &one, "write", 200, Some(json!({"firstName": "Ana"}))),
        call("PUT", &one, "write", 200, Some(member(email))),
        call("POST", &format!("{one}/activate"), "write", 200, None),
        call("DELETE", &one, "write", 200, None),
        // Reactivates the member that the call before offboarded.
        call("POST", "members", "write", 201, Some(member(email))),
    ]
}

impl Call {
    /// Makes the call.
    pub async fn of(&self, onsi: &Onsi) -> Reply {
        onsi.call(self.method, &self.path, self.body.clone()).await
    }

    /// The HTTP status of its refusal if its member does not exist.
    pub fn missing(&self) -> u16 {
        if self.needs == "read" { 404 } else { 400 }
    }
}
