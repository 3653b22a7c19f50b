//! The Orbiit door.

mod access;
mod audiences;
mod calls;
mod delete;
mod documented;
mod idempotency;
mod list;
mod membership;
mod save;
mod search;

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Http, Reply, exchange, guard_off};
use crate::harness::Server;

/// A client of the Orbiit door, for one workspace.
#[derive(Debug, Clone)]
struct Orbiit {
    address: SocketAddr,
    workspace: String,
    /// The headers of every call, each with its line end.
    headers: String,
}

impl Orbiit {
    /// A client that sends this token, if any.
    fn new(address: SocketAddr, workspace: &str, token: Option<&str>) -> Self {
        let headers = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        Self { address, workspace: workspace.to_owned(), headers }
    }

    /// A client for a new workspace whose guard is off, on a server without tokens, and a client of the
    /// Publisher door.
    async fn base(server: &Server) -> (Self, Http) {
        let http = Http::new(server);
        let new = json!({"name": "Test", "guard_limits": guard_off()});
        let made = http.ok("member-base/create", new).await;
        (Self::new(server.address(), made["id"].as_str().unwrap(), None), http)
    }

    /// The same client with one more header.
    fn with(&self, header: &str) -> Self {
        Self { headers: format!("{}{header}\r\n", self.headers), ..self.clone() }
    }

    /// Makes a call that may fail. The path is one under that of the workspace.
    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        match body {
            Some(body) => self.send(method, path, "application/json", body.to_string().as_bytes()).await,
            None => self.raw(method, path, "", b"").await,
        }
    }

    /// Makes a call with these bytes as its body.
    async fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Reply {
        let length = body.len();
        let content = format!("Content-Type: {kind}\r\nContent-Length: {length}\r\n");
        self.raw(method, path, &content, body).await
    }

    async fn raw(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
        let Self { address, workspace, headers: own } = self;
        let head = format!(
            "{method} /v0/workspaces/{workspace}/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{own}{headers}\r\n"
        );
        exchange(*address, &head, body).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, None).await
    }

    /// Saves members and asserts that this succeeds; returns what happened to each.
    async fn save(&self, members: Value) -> Vec<Value> {
        let saved = self.call("POST", "members", Some(json!({ "members": members }))).await.is(200);
        saved["results"].as_array().unwrap().clone()
    }

    /// Creates as many members; returns their ids.
    async fn filled(&self, count: usize) -> Vec<String> {
        let members: Vec<Value> =
            (0..count).map(|number| member(&format!("m{number}@example.com"))).collect();
        let saved = self.save(members.into()).await;
        saved.iter().map(|saved| saved["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// The required fields of a new member.
fn member(email: &str) -> Value {
    json!({"email": email, "firstName": "Ana"})
}

/// The e-mail addresses of a page.
fn emails(page: &Value) -> Vec<&str> {
    page["nodes"].as_array().unwrap().iter().map(|member| member["email"].as_str().unwrap()).collect()
}

impl Reply {
    /// Asserts the status, the code and the envelope of an error; returns the paths of its faults.
    #[track_caller]
    fn faults(&self, status: u16, code: &str) -> Vec<&str> {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.body["code"], code, "{self:?}");
        assert!(!self.body["error"].as_str().unwrap().is_empty());
        let head = self.head.to_ascii_lowercase();
        assert!(head.contains("content-type: application/json") && head.contains("x-trace-id: "), "{head}");
        for name in self.body.as_object().unwrap().keys() {
            assert!(["error", "code", "reason", "faults"].contains(&name.as_str()), "{self:?}");
        }
        let Some(faults) = self.body.get("faults") else { return Vec::new() };
        let faults = faults.as_array().unwrap().iter();
        faults
            .map(|fault| {
                assert!(!fault["message"].as_str().unwrap().is_empty(), "{fault}");
                fault["path"].as_str().unwrap()
            })
            .collect()
    }
}
