//! The JSON doors, call by call, over plain HTTP/1.1 as any client would send it.

mod console;
mod cut;
mod front_page;
mod guard;
pub mod onsi;
mod orbiit;
mod publisher;
mod revoked;
mod stalled;
mod unseen;

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{PATIENCE, Server};

/// Limits at which the guard is off.
fn guard_off() -> Value {
    let off = json!({"percent": 100});
    json!({"removals": off, "identities": off, "clears": off, "reactivations": off, "tiers": off})
}

/// A client of the Publisher door.
#[derive(Clone)]
pub struct Http {
    address: SocketAddr,
    token: Option<String>,
}

/// A reply of the server.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    /// The body if it is JSON, otherwise null.
    pub body: Value,
    /// The body as received.
    pub text: String,
}

impl Http {
    pub fn new(server: &Server) -> Self {
        Self::at(server.address(), None)
    }

    pub fn with_token(server: &Server, token: &str) -> Self {
        Self::at(server.address(), Some(token.to_owned()))
    }

    pub fn at(address: SocketAddr, token: Option<String>) -> Self {
        Self { address, token }
    }

    /// Makes a call that may fail.
    pub async fn call(&self, call: &str, body: Value) -> Reply {
        self.send(call, body.to_string().as_bytes()).await
    }

    /// Makes a call and asserts that it succeeds.
    #[track_caller]
    pub fn ok(&self, call: &str, body: Value) -> impl Future<Output = Value> {
        let (client, call) = (self.clone(), call.to_owned());
        async move {
            let reply = client.call(&call, body).await;
            assert_eq!(reply.status, 200, "{call}: {reply:?}");
            reply.body
        }
    }

    /// Makes a call with these bytes as its body.
    pub async fn send(&self, call: &str, body: &[u8]) -> Reply {
        let length = format!("Content-Length: {}\r\n", body.len());
        self.raw("POST", call, &format!("Content-Type: application/json\r\n{length}"), body).await
    }

    /// Sends a request with these headers.
    pub async fn raw(&self, method: &str, call: &str, headers: &str, body: &[u8]) -> Reply {
        let authorization =
            self.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let head = format!(
            "{method} /publisher.v1/{call} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{authorization}{headers}\r\n"
        );
        exchange(self.address, &head, body).await
    }

    /// Creates a memberbase.
    pub async fn base(&self) -> String {
        self.ok("member-base/create", json!({"name": "Test"})).await["id"].as_str().unwrap().to_owned()
    }

    /// The refs of all matching members, from all pages.
    pub async fn refs(&self, base: &str, mut request: Value) -> Vec<String> {
        request["member_base_id"] = base.into();
        let mut refs = Vec::new();
        loop {
            let page = self.ok("member/list", request.clone()).await;
            let data = page["data"].as_array().unwrap();
            assert_eq!(page["page"]["page_size"], data.len());
            assert_eq!(page["page"]["more"], !page["page"]["cursor"].is_null());
            refs.extend(data.iter().map(|member| member["ref"].as_str().unwrap().to_owned()));
            if page["page"]["more"] == false {
                return refs;
            }
            request["pagination"]["cursor"] = page["page"]["cursor"].clone();
        }
    }
}

/// Sends a request unchanged, and reads the reply to the end of the connection.
pub async fn exchange(address: SocketAddr, head: &str, body: &[u8]) -> Reply {
    attempt(address, head, body).await.expect("no reply")
}

/// The same for a server that may be killed meanwhile: `None` if there is no reply.
pub async fn attempt(address: SocketAddr, head: &str, body: &[u8]) -> Option<Reply> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let (mut read, mut write) = stream.split();
        let sent = async {
            // A server that refuses a request may close the connection before it has read everything.
            let _ = write.write_all(head.as_bytes()).await;
            let _ = write.write_all(body).await;
        };
        let mut received = Vec::new();
        // Closed with unread bytes of the request, the connection is reset behind the reply.
        let (_, _) = tokio::join!(sent, read.read_to_end(&mut received));
        parse(&received, !head.starts_with("HEAD "))
    };
    tokio::time::timeout(PATIENCE, exchange).await.unwrap()
}

/// A whole reply, which has a body unless it replies to HEAD.
fn parse(received: &[u8], has_body: bool) -> Option<Reply> {
    let end = received.windows(4).position(|part| part == b"\r\n\r\n")?;
    let head = String::from_utf8(received[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let rest = &received[end + 4..];
    let length = head.lines().filter_map(|line| line.split_once(": ")).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
    });
    if has_body && length.is_some_and(|length| rest.len() < length) {
        return None;
    }
    let text = String::from_utf8_lossy(rest).into_owned();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Some(Reply { status, head, body, text })
}

impl Reply {
    /// Asserts the status, the code and the envelope of an error; returns its data.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> &Value {
        assert_eq!(self.status, status, "{self:?}");
        let error = &self.body["error"];
        assert_eq!(error["code"], code, "{self:?}");
        assert!(!error["message"].as_str().unwrap().is_empty());
        let trace_id = error["trace_id"].as_str().unwrap();
        assert!(trace_id.len() == 16 && trace_id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(error["data"].is_object(), "{self:?}");
        assert_eq!(self.body.as_object().unwrap().len(), 1);
        &error["data"]
    }
}
