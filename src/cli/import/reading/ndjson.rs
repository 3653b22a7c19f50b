//! NDJSON: one JSON object a line, with the field names of the contract.

mod faults;

use std::io::{BufRead, Read};
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::api::grpc::v1;
use crate::cli::{Error, json};
use crate::model::faulty_json::{self, Faulty};

use super::csv_rows;
use super::limits::MAX_ROW_BYTES;
use super::missing::Keys;
use super::object::fields;
use super::rows::{Collector, Row};
use crate::cli::import::failure;
use crate::cli::import::failure::{EarlierFailure, RowFailure};

pub use faults::fault;

/// Reads lines one by one, and skips blank ones.
pub struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    number: u64,
    offset: u64,
}

impl<R: BufRead> Lines<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), number: 0, offset: 0 }
    }

    /// Moves the next line into `rows`; false at the end of the file.
    pub fn next(&mut self, rows: &mut Collector) -> Result<bool, Error> {
        loop {
            self.line.clear();
            let limit = u64::try_from(MAX_ROW_BYTES).unwrap_or(u64::MAX);
            let mut limited = self.reader.by_ref().take(limit);
            let read = limited
                .read_until(b'\n', &mut self.line)
                .map_err(Error::file("read", "the input".as_ref()))?;
            if read == 0 {
                return Ok(false);
            }
            self.number += 1;
            if self.number == 1 {
                csv_rows::check_encoding(&self.line)?;
            }
            self.offset += u64::try_from(read).unwrap_or(u64::MAX);
            if read == MAX_ROW_BYTES && !self.line.ends_with(b"\n") {
                return Err(Error::Data(format!("line {}: longer than {MAX_ROW_BYTES} bytes", self.number)));
            }
            let text = if self.number == 1 {
                self.line.strip_prefix(csv_rows::BOM).unwrap_or(&self.line)
            } else {
                &self.line
            };
            let text = text.trim_ascii();
            if !text.is_empty() {
                rows.push(self.number, [text]);
                return Ok(true);
            }
        }
    }

    /// How many bytes of the file were taken.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

/// The fields of a line. Those that an export adds and only the server sets are ignored.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: Option<String>,
    r#ref: Option<String>,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    phone: Option<String>,
    worker_id: Option<String>,
    tier: Option<String>,
    status: Option<String>,
    dob: Option<String>,
    gender: Option<String>,
    role: Option<String>,
    company: Option<String>,
    enable_payroll: Option<bool>,
    account_details: Option<Account>,
    attributes: Option<Map<String, Value>>,
    #[serde(default)]
    clear_fields: Vec<String>,
    if_revision: Option<u64>,
    #[serde(rename = "member_base_id")]
    _member_base_id: Option<IgnoredAny>,
    #[serde(rename = "created_at")]
    _created_at: Option<IgnoredAny>,
    #[serde(rename = "updated_at")]
    _updated_at: Option<IgnoredAny>,
    #[serde(rename = "revision")]
    _revision: Option<IgnoredAny>,
    /// Set in a file of failed rows.
    failed: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    uk: Option<Uk>,
    eu: Option<Eu>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Uk {
    account_holder: String,
    sort_code: String,
    account_number: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Eu {
    account_holder: String,
    iban: String,
}

/// The member that a line describes. Null means "not given".
pub fn member(keys: &Keys, row: Row<'_>) -> Result<v1::MemberInput, RowFailure> {
    let text = row.cells().next().unwrap_or_default();
    if !text.starts_with('{') {
        return Err(RowFailure::new(
            "INVALID_JSON",
            "",
            "the line is not a JSON object such as {\"ref\": \"a\"}",
        ));
    }
    let line = parse(text)?;
    failure::check(line.failed.as_ref().and_then(earlier))?;
    keys.check(row, &line.clear_fields)?;
    Ok(v1::MemberInput {
        id: line.id,
        r#ref: line.r#ref,
        email: line.email,
        first_name: line.first_name,
        last_name: line.last_name,
        phone: line.phone,
        worker_id: line.worker_id,
        tier: line.tier,
        status: line.status,
        dob: line.dob,
        gender: line.gender,
        role: line.role,
        company: line.company,
        enable_payroll: line.enable_payroll,
        account_details: line.account_details.map(account),
        attributes: line.attributes.map(json::object_to_wire),
        clear_fields: line.clear_fields,
        if_revision: line.if_revision,
    })
}

/// Why the line failed in an earlier import.
fn earlier(failed: &Value) -> Option<EarlierFailure<'_>> {
    let text = |name: &str| failed.get(name).and_then(Value::as_str);
    Some(EarlierFailure { reason: text("reason")?, message: text("message")? })
}

/// The fields that can find the line's member, even if the line has errors.
pub fn finders(row: Row<'_>) -> v1::MemberInput {
    let mut keys = v1::MemberInput::default();
    for (name, value) in fields(row.cells().next().unwrap_or_default()).unwrap_or_default() {
        let key = match name.as_str() {
            "id" => &mut keys.id,
            "ref" => &mut keys.r#ref,
            "email" => &mut keys.email,
            "worker_id" => &mut keys.worker_id,
            _ => continue,
        };
        *key = serde_json::from_str(value.get()).unwrap_or_default();
    }
    keys
}

fn account(account: Account) -> v1::AccountDetails {
    let Account { uk, eu } = account;
    v1::AccountDetails {
        uk: uk.map(|Uk { account_holder, sort_code, account_number }| v1::UkAccount {
            account_holder,
            sort_code,
            account_number,
        }),
        eu: eu.map(|Eu { account_holder, iban }| v1::EuAccount { account_holder, iban }),
    }
}

fn parse(text: &str) -> Result<Line, RowFailure> {
    json_of(text).map_err(|faulty| faults::refused(&faulty))
}

/// Parses `text` as JSON.
pub fn json_of<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Box<Faulty>> {
    faulty_json::read(|| serde_json::Deserializer::from_str(text), PhantomData::<T>)
}

#[cfg(test)]
mod tests {
    use super::{Lines, member};
    use crate::api::grpc::v1;
    use crate::cli::import::failure::RowFailure;
    use crate::cli::import::reading::limits::MAX_ROW_BYTES;
    use crate::cli::import::reading::missing::Keys;
    use crate::cli::import::reading::rows::Collector;

    fn members(text: &str) -> Vec<(u64, Result<v1::MemberInput, RowFailure>)> {
        let mut lines = Lines::new(text.as_bytes());
        let mut rows = Collector::default();
        while lines.next(&mut rows).unwrap() {}
        rows.finish().unwrap().iter().map(|row| (row.line, member(&Keys::NONE, row))).collect()
    }

    #[test]
    fn objects_become_members() {
        let text = "\u{feff}{\"ref\": \"a\", \"tier\": null, \"enable_payroll\": false, \"attributes\": {\"x\": 1},\r\n".replace(",\r\n", "}\r\n")
            + "\n  {\"ref\":\"b\",\"account_details\":{\"eu\":{\"account_holder\":\"B\",\"iban\":\"DE89\"}},\"clear_fields\":[\"tier\"]}";
        let members = members(&text);
        assert_eq!(members[0].0, 1);
        let first = members[0].1.clone().unwrap();
        assert_eq!(
            (first.r#ref.as_deref(), first.tier, first.enable_payroll),
            (Some("a"), None, Some(false))
        );
        assert_eq!(members[1].0, 3);
        let second = members[1].1.clone().unwrap();
        assert_eq!(second.account_details.unwrap().eu.unwrap().iban, "DE89");
        assert_eq!(second.clear_fields, ["tier"]);
    }

    #[test]
    fn a_line_that_is_not_a_member_is_a_failed_row_with_the_reason() {
        for (line, reason, field) in [
            (r#"{"ref": "a", "nickname": "b"}"#, "UNKNOWN_FIELD", "nickname"),
            (r#"{"ref": "a", "ref": "b"}"#, "INVALID_FIELD", "ref"),
            (r#"{"ref": 7}"#, "INVALID_FIELD", "ref"),
            (r#"{"ref": "a", "tier": ["b"]}"#, "INVALID_FIELD", "tier"),
            (
                r#"{"account_details": {"uk": {"sort_code": 1}}}"#,
                "INVALID_FIELD",
                "account_details.uk.sort_code",
            ),
            (r#"{"account_details": {"us": {}}}"#, "UNKNOWN_FIELD", "account_details.us"),
            (
                r#"{"account_details": {"eu": {"iban": "", "iban": ""}}}"#,
                "INVALID_FIELD",
                "account_details.eu.iban",
            ),
            (r#"{"clear_fields": ["a", 1]}"#, "INVALID_FIELD", "clear_fields[1]"),
            (r#"{"attributes": 7}"#, "INVALID_FIELD", "attributes"),
            (r#"{"if_revision": -1}"#, "INVALID_FIELD", "if_revision"),
            (r#"{"ref": "a"} x"#, "INVALID_JSON", ""),
            (r#"{"ref": "a""#, "INVALID_JSON", ""),
            (r#"["a"]"#, "INVALID_JSON", ""),
            ("null", "INVALID_JSON", ""),
        ] {
            let failure = members(line).remove(0).1.unwrap_err();
            assert_eq!(
                (failure.reason.as_ref(), failure.field.as_str()),
                (reason, field),
                "{line}: {failure:?}"
            );
            assert!(!failure.message.contains("line 1"), "{failure:?}");
        }
    }

    #[test]
    fn columns_that_only_an_export_adds_are_ignored() {
        let line = r#"{"id":"m_1","member_base_id":"mb_1","ref":"a","status":"active","created_at":"x","updated_at":"y","revision":7}"#;
        let member = members(line).remove(0).1.unwrap();
        assert_eq!(
            (member.r#ref.as_deref(), member.status.as_deref(), member.if_revision),
            (Some("a"), Some("active"), None)
        );
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let text = "x".repeat(2 * MAX_ROW_BYTES);
        assert!(Lines::new(text.as_bytes()).next(&mut Collector::default()).is_err());
    }
}
