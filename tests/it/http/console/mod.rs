//! The console, page by page, as a browser asks for it.

mod forged;
mod frame;
mod hostile;
mod lists;
mod members;
mod numbers;
mod off;
mod rights;
mod session;
mod tokens;

use std::net::SocketAddr;

use serde_json::json;

use super::{Http, Reply, exchange};
use crate::harness::Server;

/// A browser: it keeps its cookie, and sends forms with the proof of the page that it looked at last.
#[derive(Debug, Clone)]
struct Browser {
    address: SocketAddr,
    cookie: Option<String>,
    /// The header of forms that tells their origin, with its line end.
    origin: String,
}

impl Browser {
    fn new(server: &Server) -> Self {
        let origin = "Origin: http://localhost\r\n".to_owned();
        Self { address: server.address(), cookie: None, origin }
    }

    /// A browser that has signed in with this token.
    async fn signed_in(server: &Server, token: &str) -> Self {
        let mut browser = Self::new(server);
        let reply = browser.sign_in(token).await;
        assert_eq!(reply.status, 303, "{reply:?}");
        browser
    }

    /// Sends the form of sign-in, and keeps the cookie.
    async fn sign_in(&mut self, token: &str) -> Reply {
        let reply = self.post("/console/sign-in", &[("token", token)]).await;
        if let Some(cookie) = header(&reply, "set-cookie") {
            self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
        }
        reply
    }

    /// A page, of which only the status is not checked.
    async fn load(&self, path: &str) -> Reply {
        self.send("GET", path, "", b"").await
    }

    /// A page that is there.
    async fn page(&self, path: &str) -> String {
        let reply = self.load(path).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        reply.text
    }

    /// Sends a form as it is.
    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        let body = encoded(form);
        let kind = format!(
            "{}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            self.origin,
            body.len()
        );
        self.send("POST", path, &kind, body.as_bytes()).await
    }

    /// Sends a form with the proof of this browser's session; returns where it leads.
    async fn act(&self, path: &str, form: &[(&str, &str)]) -> String {
        let proof = self.proof().await;
        let form = [&[("proof", proof.as_str())], form].concat();
        let reply = self.post(path, &form).await;
        assert_eq!(reply.status, 303, "{path}: {reply:?}");
        header(&reply, "location").unwrap()
    }

    /// The proof that forms of this session carry.
    async fn proof(&self) -> String {
        between(&self.page("/console").await, "name=\"proof\" value=\"", "\"").to_owned()
    }

    /// Uploads a list as the form does, with the texts before the file.
    async fn upload(&self, base: &str, texts: &[(&str, &str)], file: &[u8]) -> Reply {
        let mut body = Vec::new();
        for (name, text) in texts {
            body.extend(
                format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n").bytes(),
            );
        }
        body.extend(b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"staff.csv\"\r\n\r\n");
        body.extend(file);
        body.extend(b"\r\n--x--\r\n");
        let kind = format!(
            "{}Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {}\r\n",
            self.origin,
            body.len()
        );
        self.send("POST", &format!("/console/bases/{base}/lists/new"), &kind, &body).await
    }

    async fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
        let cookie = self.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{cookie}{headers}\r\n"
        );
        let reply = exchange(self.address, &head, body).await;
        match header(&reply, "transfer-encoding") {
            Some(_) => Reply { text: unchunked(&reply.text), ..reply },
            None => reply,
        }
    }
}

/// The text of a body that came in chunks.
fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let (chunk, rest) = rest.split_at(usize::from_str_radix(length, 16).unwrap());
        text.push_str(chunk);
        body = rest.trim_start_matches("\r\n");
    }
    text
}

/// A server with an admin token: a client of the Publisher door, and a browser that has signed in.
async fn server() -> (Server, String, Http, Browser) {
    let (server, secret) = Server::start_with_token().await;
    let http = Http::with_token(&server, &secret);
    let browser = Browser::signed_in(&server, &secret).await;
    (server, secret, http, browser)
}

/// A token with these rights: its id and its secret.
async fn token(admin: &Http, rights: serde_json::Value) -> (String, String) {
    let made = admin.ok("api-token/create", rights).await;
    (made["id"].as_str().unwrap().to_owned(), made["token"].as_str().unwrap().to_owned())
}

/// Saves members.
async fn save(http: &Http, base: &str, members: serde_json::Value) -> Vec<String> {
    let saved = http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": members})).await;
    saved.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// A header of a reply.
fn header(reply: &Reply, name: &str) -> Option<String> {
    let lines = reply.head.lines().filter_map(|line| line.split_once(": "));
    lines.into_iter().find_map(|(known, value)| known.eq_ignore_ascii_case(name).then(|| value.to_owned()))
}

/// The text between two others.
#[track_caller]
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("{before} is not in {text}")).1;
    rest.split_once(after).unwrap().0
}

fn encoded(form: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            })
            .collect()
    };
    let pairs = form.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}
