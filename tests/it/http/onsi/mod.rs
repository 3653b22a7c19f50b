//! The Onsi door.

mod access;
mod body;
pub mod calls;
mod documented;
mod idempotency;
mod jobs;
mod lifecycle;
mod refused;
mod search;

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Http, Reply, attempt, exchange, guard_off};
use crate::harness::Server;

/// A client of the Onsi door.
#[derive(Debug, Clone)]
pub struct Onsi {
    address: SocketAddr,
    /// The headers of every call, each with its line end.
    headers: String,
}

impl Onsi {
    /// A client that sends this key, if any, and selects this memberbase, if any.
    pub fn new(server: &Server, key: Option<&str>, base: Option<&str>) -> Self {
        let line =
            |name, value: Option<&str>| value.map(|value| format!("{name}: {value}\r\n")).unwrap_or_default();
        let headers = line("X-API-KEY", key) + &line("x-member-base-id", base);
        Self { address: server.address(), headers }
    }

    /// The same client with one more header.
    pub fn with(&self, header: &str) -> Self {
        Self { headers: format!("{}{header}\r\n", self.headers), ..self.clone() }
    }

    /// The same client for a server at another address.
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    /// A client for a new memberbase whose members start as `invited`, on a server without tokens, and a
    /// client of the Publisher door.
    pub async fn base(server: &Server) -> (Self, Http, String) {
        Self::base_at(server.address(), 100).await
    }

    /// The same for a memberbase with this limit of removals, in percent, and otherwise without a guard.
    pub async fn base_at(address: SocketAddr, limit: u8) -> (Self, Http, String) {
        let http = Http::at(address, None);
        let mut limits = guard_off();
        limits["removals"]["percent"] = json!(limit);
        let new = json!({"name": "Test", "new_members": "invited", "guard_limits": limits});
        let made = http.ok("member-base/create", new).await;
        let base = made["id"].as_str().unwrap().to_owned();
        (Self { address, headers: format!("x-member-base-id: {base}\r\n") }, http, base)
    }

    /// Makes a call that may fail.
    pub async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        match body {
            Some(body) => self.send(method, path, "application/json", body.to_string().as_bytes()).await,
            None => self.raw(method, path, "", b"").await,
        }
    }

    /// Adds a member on a server that may be killed meanwhile: `None` if the reply is incomplete.
    async fn attempt(&self, body: Value) -> Option<Reply> {
        let body = body.to_string();
        let head = self.head("POST", "members", &content("application/json", body.as_bytes()));
        let reply = attempt(self.address, &head, body.as_bytes()).await;
        reply.filter(|reply| !reply.body.is_null())
    }

    /// Makes a call with these bytes as its body.
    pub async fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Reply {
        self.raw(method, path, &content(kind, body), body).await
    }

    /// Makes a call with these headers, each with its line end.
    pub async fn raw(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
        exchange(self.address, &self.head(method, path, headers), body).await
    }

    /// The head of a request. A path without a slash before it is one under `/v1/`.
    fn head(&self, method: &str, path: &str, headers: &str) -> String {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/v1/{path}") };
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}{headers}\r\n",
            self.headers
        )
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, None).await
    }

    /// Creates a member; returns it with its id.
    pub async fn create(&self, body: Value) -> (Value, String) {
        let made = self.call("POST", "members", Some(body)).await.is(201);
        let id = made["memberId"].as_str().unwrap().to_owned();
        (made, id)
    }

    /// Creates a member with this status; returns it with its id.
    pub async fn member(&self, email: &str, status: &str) -> String {
        let (_, id) = self.create(member(email)).await;
        let path = format!("members/{id}");
        match status {
            "active" => drop(self.call("POST", &format!("{path}/activate"), None).await.is(200)),
            "inactive" => drop(self.call("DELETE", &path, None).await.is(200)),
            _ => {}
        }
        assert_eq!(self.get(&path).await.is(200)["status"], status);
        id
    }
}

fn content(kind: &str, body: &[u8]) -> String {
    format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len())
}

/// The required fields of a new member.
pub fn member(email: &str) -> Value {
    json!({"email": email, "firstName": "Jane", "lastName": "Smith", "tier": "Gold"})
}

/// `value` with these fields added or replaced.
pub fn with(mut value: Value, more: Value) -> Value {
    for (name, more) in more.as_object().unwrap() {
        value[name] = more.clone();
    }
    value
}

impl Reply {
    /// Asserts the status of a reply and returns its body.
    #[track_caller]
    pub fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.body.clone()
    }

    /// Asserts the status and the envelope of an error; returns the codes and paths of its issues.
    #[track_caller]
    pub fn issues(&self, status: u16) -> Vec<(&str, &str)> {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.body.as_object().unwrap().len(), 1, "{self:?}");
        let issues = self.body["issues"].as_array().unwrap();
        assert!(!issues.is_empty());
        let head = self.head.to_ascii_lowercase();
        assert!(head.contains("content-type: application/json") && head.contains("x-trace-id: "), "{head}");
        issues
            .iter()
            .map(|issue| {
                assert!(!issue["message"].as_str().unwrap().is_empty(), "{issue}");
                let code = issue["code"].as_str().unwrap();
                let path = issue.get("path").map(|path| path.as_str().unwrap());
                assert!(path.is_some() || !code.ends_with("Validation"), "{issue}");
                (code, path.unwrap_or("-"))
            })
            .collect()
    }
}
