//! Turns replies into text without ids, times, cursors and whatever is unique to each reply, so that replies
//! with the same content have the same text.

use serde_json::Value;

use crate::harness::without_sizes;
use crate::http::Reply;

/// The prefixes of ids.
const PREFIXES: [&str; 8] = ["m_", "mb_", "mem_", "atok_", "dclip_", "sc_", "as_", "tx_"];
/// The characters after the prefix.
const ID_CHARS: usize = 26;
/// Headers that differ in every reply. The length depends on the body, in which times may be longer or
/// shorter.
const OWN: [&str; 3] = ["date:", "x-trace-id:", "content-length:"];

pub fn plain(reply: &Reply) -> String {
    let head = reply.head.to_ascii_lowercase();
    let head: Vec<_> = head.lines().filter(|line| !OWN.iter().any(|own| line.starts_with(own))).collect();
    let mut body = reply.body.clone();
    simplify(&mut body);
    without_sizes(&without_ids(&format!("{} {body}", head.join(" | "))))
}

fn simplify(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_own =
                    name.ends_with("_at") || name == "trace_id" || name == "cursor" || name == "token";
                if is_own && value.is_string() {
                    *value = "…".into();
                } else {
                    simplify(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(simplify),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn without_ids(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let id = PREFIXES.iter().find_map(|prefix| {
            let id = rest.strip_prefix(prefix)?.get(..ID_CHARS)?;
            id.bytes().all(|byte| byte.is_ascii_alphanumeric()).then_some(prefix.len() + ID_CHARS)
        });
        let length = id.unwrap_or(next.len_utf8());
        plain.push_str(if id.is_some() { "ID" } else { &rest[..length] });
        rest = &rest[length..];
    }
    plain
}
