//! Turns messages into text without ids, times and cursors, so that messages with the same content have the
//! same text.

use std::fmt::Write;

/// The prefixes of ids.
const PREFIXES: [&[u8]; 9] = [b"m_", b"mb_", b"mem_", b"atok_", b"dclip_", b"sc_", b"as_", b"job_", b"aud_"];
/// The bytes after the prefix.
const ID_BYTES: usize = 26;
/// Larger numbers of seconds are times after 2001.
const TIME: u64 = 1_000_000_000;

/// `bytes` with every id overwritten.
pub fn without_ids(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for start in 0..bytes.len() {
        for prefix in PREFIXES {
            let from = start + prefix.len();
            let is_id = bytes[start..].starts_with(prefix)
                && bytes
                    .get(from..from + ID_BYTES)
                    .is_some_and(|id| id.iter().all(u8::is_ascii_alphanumeric));
            if is_id {
                bytes[from..from + ID_BYTES].fill(b'x');
            }
        }
    }
    bytes
}

/// A message as text, decoded without its type.
pub fn plain(message: &[u8]) -> String {
    let message = without_ids(message);
    fields(&message).unwrap_or_else(|| panic!("not a message: {message:?}"))
}

/// The fields, if these bytes are a message.
fn fields(mut left: &[u8]) -> Option<String> {
    let mut text = String::new();
    while !left.is_empty() {
        let key = varint(&mut left)?;
        let (field, kind) = (key >> 3, key & 7);
        if field == 0 {
            return None;
        }
        match kind {
            0 => write!(text, "{field}:{} ", varint(&mut left)?).ok()?,
            1 => write!(text, "{field}:{:?} ", take(&mut left, 8)?).ok()?,
            2 => {
                let length = varint(&mut left)?;
                let inner = take(&mut left, usize::try_from(length).ok()?)?;
                write!(text, "{field}:({}) ", value(inner)).ok()?;
            }
            5 => write!(text, "{field}:{:?} ", take(&mut left, 4)?).ok()?,
            _ => return None,
        }
    }
    Some(text)
}

/// A time, a text, a message or bytes.
fn value(bytes: &[u8]) -> String {
    if is_time(bytes) {
        return "time".to_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if is_cursor(text) => "cursor".to_owned(),
        Ok(text) if !text.chars().any(char::is_control) => format!("{text:?}"),
        _ => fields(bytes).unwrap_or_else(|| format!("{bytes:?}")),
    }
}

/// Whether this is a cursor of a list.
fn is_cursor(text: &str) -> bool {
    let is_sealed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.len() >= 20 && text.starts_with("AQ") && text.bytes().all(is_sealed)
}

/// Whether this is a `google.protobuf.Timestamp` after 2001.
fn is_time(mut bytes: &[u8]) -> bool {
    let mut field = |number: u64| (varint(&mut bytes)? == number << 3).then(|| varint(&mut bytes)).flatten();
    field(1).is_some_and(|seconds| seconds >= TIME) && { field(2).is_some() || bytes.is_empty() }
}

fn varint(left: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(left, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn take<'a>(left: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = left.split_at_checked(count)?;
    *left = rest;
    Some(taken)
}
