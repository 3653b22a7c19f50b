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

/// A call about jobs that has the same status at every repeat.
#[derive(Debug, Clone)]
pub struct JobCall {
    pub method: &'static str,
    /// The whole path.
    pub path: String,
    /// The access level that it needs.
    pub needs: &'static str,
    /// The HTTP status of its reply: 409 where a job that has ended does not allow the call.
    pub status: u16,
    /// The content type, and the body.
    pub body: Option<(&'static str, &'static str)>,
    /// The job.
    id: String,
}

/// Every call about jobs, about the job `id`, which has ended.
pub fn job_calls(id: &str) -> Vec<JobCall> {
    let list = Some(("text/csv", "email,first_name,last_name,tier\na@x.com,Jane,Smith,Gold\n"));
    let batch = Some((
        "application/json",
        r#"{"actions": [{"type": "Add", "email": "new@x.com", "firstName": "A", "lastName": "B", "tier": "Gold"}]}"#,
    ));
    let approval = Some(("application/json", r#"{"planHash": "00000000000000000000000000000000"}"#));
    let one = format!("/v1/members/jobs/{id}");
    let call = |method, path: &str, needs, status, body| JobCall {
        method,
        path: path.to_owned(),
        needs,
        status,
        body,
        id: id.to_owned(),
    };
    vec![
        // A dry run, because the member can be added only once.
        call("POST", "/v1/members/jobs?dryRun=true", "write", 202, batch),
        call("PUT", "/v1/members/jobs/csv", "write", 202, list),
        call("PUT", "/v2/members/jobs/csv", "write", 202, list),
        call("GET", &one, "read", 200, None),
        call("GET", &format!("{one}/results"), "read", 200, None),
        call("POST", &format!("{one}/approve"), "write", 409, approval),
        call("POST", &format!("{one}/reject"), "write", 409, None),
        call("POST", &format!("{one}/revert"), "admin", 202, None),
    ]
}

impl JobCall {
    /// The same call about another job.
    pub fn about(&self, id: &str) -> Self {
        Self { path: self.path.replace(&self.id, id), id: id.to_owned(), ..self.clone() }
    }

    /// Makes the call.
    pub async fn of(&self, onsi: &Onsi) -> Reply {
        match self.body {
            Some((kind, body)) => onsi.send(self.method, &self.path, kind, body.as_bytes()).await,
            None => onsi.call(self.method, &self.path, None).await,
        }
    }
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
