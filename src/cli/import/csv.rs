//! CSV: reading records, and making a member of one.

use std::collections::BTreeMap;
use std::io::{self, Read};

use prost_types::Value;
use prost_types::value::Kind;

use crate::api::grpc::v1;
use crate::cli::{Error, json};

use super::columns::{AttributeType, Column, Columns, Field};
use super::rows::{Collector, Row};
use super::{MAX_ROW_BYTES, READ_AHEAD, RowFailure};

/// Reads records one by one, whatever their width.
pub struct Records<R> {
    reader: csv::Reader<Limited<R>>,
    record: csv::ByteRecord,
}

/// Fails when a single record goes on and on, as it does when a closing quote is missing.
/// Keeps a copy of what it read last, because the line of a record follows from the byte that ended it.
struct Limited<R> {
    inner: R,
    left: usize,
    copy: Vec<u8>,
    /// Where the copy ends in the file.
    end: u64,
}

const LIMIT: usize = MAX_ROW_BYTES + READ_AHEAD;

impl<R: Read> Records<R> {
    pub fn new(inner: R, delimiter: u8) -> Self {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(READ_AHEAD)
            .from_reader(Limited { inner, left: LIMIT, copy: Vec::new(), end: 0 });
        Self { reader, record: csv::ByteRecord::new() }
    }

    /// The first record as text.
    pub fn header(&mut self) -> Result<Vec<String>, Error> {
        if !self.read()? {
            return Err(Error::Data("the file is empty: its first line must name the columns".into()));
        }
        let names = self.record.iter().map(|name| String::from_utf8(name.to_vec()));
        names.collect::<Result<_, _>>().map_err(|_| Error::Data(not_utf8(self.line(), "")))
    }

    /// Moves the next record into `rows`; false at the end of the file.
    pub fn next(&mut self, rows: &mut Collector) -> Result<bool, Error> {
        if !self.read()? {
            return Ok(false);
        }
        rows.push(self.line(), self.record.iter());
        Ok(true)
    }

    /// How many bytes of the file were taken.
    pub fn offset(&self) -> u64 {
        self.reader.position().byte()
    }

    fn read(&mut self) -> Result<bool, Error> {
        self.reader.get_mut().left = LIMIT;
        let before = self.reader.position().line();
        self.reader.read_byte_record(&mut self.record).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => Error::Data(format!(
                "line {before}: the row is longer than {MAX_ROW_BYTES} bytes; is a closing quote missing?"
            )),
            csv::ErrorKind::Io(error) => Error::file("read", "the input".as_ref())(error),
            other => Error::Data(format!("line {before}: {other:?}")),
        })
    }

    /// Where the record starts. The reader itself counts empty lines before a record, and the LF of a CRLF, as part of it.
    fn line(&self) -> u64 {
        let position = self.reader.position();
        let inside = self.record.as_slice().iter().filter(|&&byte| byte == b'\n').count();
        let ended = self.reader.get_ref().before(position.byte()) == Some(b'\n');
        position.line().saturating_sub(u64::try_from(inside).unwrap_or(0) + u64::from(ended))
    }
}

impl<R> Limited<R> {
    /// The last byte before a place in the file, if it was read lately.
    fn before(&self, place: u64) -> Option<u8> {
        let back = usize::try_from(self.end.checked_sub(place)?).ok()?;
        self.copy.get(self.copy.len().checked_sub(back + 1)?).copied()
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let room = buffer.len().min(self.left);
        let read = self.inner.read(buffer.get_mut(..room).unwrap_or_default())?;
        if read > 0 {
            self.copy.clear();
            self.copy.extend_from_slice(buffer.get(..read).unwrap_or_default());
        }
        self.left -= read;
        self.end += u64::try_from(read).unwrap_or(u64::MAX);
        Ok(read)
    }
}

/// What to say of a line with bytes that are no text.
pub fn not_utf8(line: u64, column: &str) -> String {
    let column = if column.is_empty() { String::new() } else { format!(", column {column:?}") };
    format!("line {line}{column}: not valid UTF-8; save the file as UTF-8 and try again")
}

/// The member that a record describes. Only what cannot be put on the wire is refused here; all rules are the server's.
pub fn member(columns: &Columns, row: Row<'_>) -> Result<v1::MemberInput, RowFailure> {
    if row.width() != columns.columns.len() {
        let message = format!("the row has {} cells, the header has {}", row.width(), columns.columns.len());
        return Err(RowFailure::new("CELL_COUNT", "", message));
    }
    let mut member = v1::MemberInput::default();
    let mut account = Account::default();
    let mut attributes = BTreeMap::new();
    for (column, cell) in columns.columns.iter().zip(row.cells()) {
        if cell.is_empty() {
            continue;
        }
        match column {
            Column::Field(field) => set(&mut member, &mut account, *field, cell)?,
            Column::Attribute(key, kind) => {
                attributes.insert(key.clone(), attribute(key, *kind, cell)?);
            }
            Column::Skipped => {}
        }
    }
    member.account_details = account.details();
    if !attributes.is_empty() {
        member.attributes = Some(prost_types::Struct { fields: attributes });
    }
    Ok(member)
}

fn set(
    member: &mut v1::MemberInput,
    account: &mut Account,
    field: Field,
    cell: &str,
) -> Result<(), RowFailure> {
    let text = || Some(cell.to_owned());
    match field {
        Field::Ref => member.r#ref = text(),
        Field::Email => member.email = text(),
        Field::FirstName => member.first_name = text(),
        Field::LastName => member.last_name = text(),
        Field::Phone => member.phone = text(),
        Field::WorkerId => member.worker_id = text(),
        Field::Tier => member.tier = text(),
        Field::Status => member.status = text(),
        Field::Dob => member.dob = text(),
        Field::Gender => member.gender = text(),
        Field::Role => member.role = text(),
        Field::Company => member.company = text(),
        Field::EnablePayroll => member.enable_payroll = Some(boolean(field.name(), cell)?),
        Field::SortCode => account.sort_code = text(),
        Field::AccountNumber => account.account_number = text(),
        Field::AccountHolder => account.holder = text(),
        Field::Iban => account.iban = text(),
        Field::Attributes => match serde_json::from_str(cell) {
            Ok(fields) => member.attributes = Some(json::object_to_wire(fields)),
            Err(error) => {
                return Err(RowFailure::new(
                    "INVALID_JSON",
                    field.name(),
                    format!("not a JSON object: {error}"),
                ));
            }
        },
    }
    Ok(())
}

fn attribute(key: &str, kind: AttributeType, cell: &str) -> Result<Value, RowFailure> {
    let field = || format!("attributes.{key}");
    let kind = match kind {
        AttributeType::Text => Kind::StringValue(cell.to_owned()),
        AttributeType::Boolean => Kind::BoolValue(boolean(&field(), cell)?),
        AttributeType::Number => {
            let number = cell.parse().map_err(|_| {
                RowFailure::new("INVALID_NUMBER", field(), format!("{cell:?} is not a number"))
            })?;
            Kind::NumberValue(number)
        }
        AttributeType::Json => match serde_json::from_str(cell) {
            Ok(value) => return Ok(json::to_wire(value)),
            Err(error) => return Err(RowFailure::new("INVALID_JSON", field(), format!("not JSON: {error}"))),
        },
    };
    Ok(Value { kind: Some(kind) })
}

fn boolean(field: &str, cell: &str) -> Result<bool, RowFailure> {
    match cell.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(RowFailure::new("INVALID_BOOLEAN", field, format!("{cell:?} is neither true nor false"))),
    }
}

/// The cells of a bank account, which together make one field.
#[derive(Default)]
struct Account {
    holder: Option<String>,
    sort_code: Option<String>,
    account_number: Option<String>,
    iban: Option<String>,
}

impl Account {
    /// Whatever was given, so that the server names what is missing or too much.
    fn details(self) -> Option<v1::AccountDetails> {
        let Self { holder, sort_code, account_number, iban } = self;
        let uk = sort_code.is_some() || account_number.is_some();
        if !uk && iban.is_none() && holder.is_none() {
            return None;
        }
        let holder = holder.unwrap_or_default();
        Some(v1::AccountDetails {
            eu: iban.map(|iban| v1::EuAccount { account_holder: holder.clone(), iban }),
            uk: uk.then(|| v1::UkAccount {
                account_holder: holder,
                sort_code: sort_code.unwrap_or_default(),
                account_number: account_number.unwrap_or_default(),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Records, member};
    use crate::api::grpc::v1;
    use crate::cli::import::columns::Columns;
    use crate::cli::import::rows::{Collector, Rows};
    use crate::cli::import::{MAX_ROW_BYTES, MatchKey, READ_AHEAD, RowFailure};

    /// The rows below the header, and what the header means.
    fn read(text: &str) -> (Columns, Rows) {
        let mut records = Records::new(text.as_bytes(), b',');
        let columns = Columns::from_header(&records.header().unwrap(), MatchKey::Ref).unwrap();
        let mut rows = Collector::default();
        while records.next(&mut rows).unwrap() {}
        (columns, rows.finish().unwrap())
    }

    fn members(text: &str) -> Vec<Result<v1::MemberInput, RowFailure>> {
        let (columns, rows) = read(text);
        rows.iter().map(|row| member(&columns, row)).collect()
    }

    #[test]
    fn cells_become_fields_and_empty_ones_are_not_given() {
        let text = "Ref,first name,tier,Enable-Payroll,attributes.Team,attributes.age:number,attributes.on:boolean,attributes.x:json\n\
                    a,Zoë,,yes,Ops,41.5,false,\"[\"\"p\"\",\"\"q\"\"]\"\n";
        let member = members(text).remove(0).unwrap();
        assert_eq!(member.r#ref.as_deref(), Some("a"));
        assert_eq!(member.first_name.as_deref(), Some("Zoë"));
        assert_eq!((member.tier, member.enable_payroll), (None, Some(true)));
        let attributes = crate::cli::json::object_from_wire(member.attributes.unwrap());
        assert_eq!(attributes, serde_json::json!({"Team": "Ops", "age": 41.5, "on": false, "x": ["p", "q"]}));
    }

    #[test]
    fn accounts_are_put_together_and_judged_by_the_server() {
        let text = "ref,account_holder,sort_code,account_number,iban\na,A,12-34-56,12345678,\nb,B,,,DE89\nc,,,,\nd,D,123456,,DE89\ne,E,,,\n";
        let accounts: Vec<_> =
            members(text).into_iter().map(|member| member.unwrap().account_details).collect();
        let uk = v1::UkAccount {
            account_holder: "A".into(),
            sort_code: "12-34-56".into(),
            account_number: "12345678".into(),
        };
        assert_eq!(accounts[0], Some(v1::AccountDetails { uk: Some(uk), eu: None }));
        assert_eq!(accounts[1].clone().unwrap().eu.unwrap().account_holder, "B");
        assert_eq!(accounts[2], None);
        assert!(accounts[3].clone().is_some_and(|account| account.uk.is_some() && account.eu.is_some()));
        assert_eq!(accounts[4], Some(v1::AccountDetails::default()));
    }

    #[test]
    fn what_cannot_be_sent_is_a_failed_row() {
        let text = "ref,enable_payroll,attributes.age:number,attributes\n".replace(",attributes\n", "\n");
        let failures = members(&format!("{text}a,maybe,\nb,,old\nc,\nd,,,\n"));
        let reasons: Vec<_> = failures.into_iter().map(|failure| failure.unwrap_err().reason).collect();
        assert_eq!(reasons, ["INVALID_BOOLEAN", "INVALID_NUMBER", "CELL_COUNT", "CELL_COUNT"]);
        assert_eq!(members("ref,attributes\na,[1]\n").remove(0).unwrap_err().reason, "INVALID_JSON");
    }

    #[test]
    fn every_row_knows_the_line_where_it_starts() {
        for newline in ["\n", "\r\n"] {
            let text = ["ref,tier", "a,x", "b,\"two\nlines\"", "c,x", "", "", "d,x", "e,x"].join(newline);
            let lines: Vec<u64> = read(&text).1.iter().map(|row| row.line).collect();
            assert_eq!(lines, [2, 3, 5, 8, 9], "{newline:?}");
            let long = format!("ref{newline}{}", format!("a{newline}").repeat(READ_AHEAD));
            let lines: Vec<u64> = read(&long).1.iter().map(|row| row.line).collect();
            assert!(lines.iter().copied().eq(2..2 + READ_AHEAD as u64), "{newline:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_name() {
        assert_eq!(members("\u{feff}ref\na\n").remove(0).unwrap().r#ref.as_deref(), Some("a"));
        assert_eq!(members("\u{feff}\"ref\"\na\n").remove(0).unwrap().r#ref.as_deref(), Some("a"));
    }

    #[test]
    fn a_missing_quote_does_not_swallow_the_file() {
        let text = format!("ref,tier\na,\"x\n{}", "b,y\n".repeat(MAX_ROW_BYTES));
        let mut records = Records::new(text.as_bytes(), b',');
        records.header().unwrap();
        let error = records.next(&mut Collector::default()).unwrap_err().to_string();
        assert!(error.starts_with("line 2: ") && error.contains("quote"), "{error}");
    }

    #[test]
    fn an_empty_file_and_a_header_in_another_encoding_are_refused() {
        assert!(Records::new(&b""[..], b',').header().is_err());
        let error = Records::new(&b"ref,pr\xe9nom\n"[..], b',').header().unwrap_err().to_string();
        assert!(error.starts_with("line 1: not valid UTF-8"), "{error}");
    }
}
