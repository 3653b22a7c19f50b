//! Makes a member from a CSV row.

use std::borrow::Cow;
use std::collections::BTreeMap;

use prost_types::Value;
use prost_types::value::Kind;

use crate::api::grpc::v1;
use crate::cli::json;
use crate::model::faulty_json::Faulty;
use crate::model::words;

use super::cells;
use super::columns::{AttributeType, Column, Columns};
use super::field::Field;
use super::ndjson;
use super::rows::Row;
use crate::cli::import::failure;
use crate::cli::import::failure::RowFailure;

/// The member that a row describes. Only what cannot be put on the wire fails here; all other rules are
/// checked by the server.
pub fn member(columns: &Columns, row: Row<'_>) -> Result<v1::MemberInput, RowFailure> {
    let (row, earlier) = columns.split(row).ok_or_else(|| {
        let message = "the row does not end with a line, reason, field and message, as the header requires";
        RowFailure::new("CELL_COUNT", "", message)
    })?;
    failure::check(earlier)?;
    check_shape(columns, row)?;
    let mut member = v1::MemberInput::default();
    let mut account = Account::default();
    let mut attributes = BTreeMap::new();
    for (at, (column, cell)) in columns.columns.iter().zip(row.cells()).enumerate() {
        if cell.is_empty() {
            continue;
        }
        let named = |failure: RowFailure| failure.at(columns.name(at));
        let cell = cells::value(cell, columns.reading)
            .map_err(|fault| named(RowFailure::new("CELL_INVALID", "", fault)))?;
        if cell.is_empty() {
            continue;
        }
        match column {
            Column::Field(field) => {
                cells::check_number(*field, &cell, columns.reading).map_err(named)?;
                set(&mut member, &mut account, *field, &cell).map_err(named)?;
            }
            Column::Attribute(key, kind) => {
                attributes.insert(key.clone(), attribute(*kind, &cell).map_err(named)?);
            }
            Column::Skipped | Column::Unnamed => {}
        }
    }
    member.account_details = account.details();
    if !attributes.is_empty() {
        member.attributes = Some(prost_types::Struct { fields: attributes });
    }
    Ok(member)
}

/// The cells that can find the row's member.
pub fn finders(columns: &Columns, row: Row<'_>) -> v1::MemberInput {
    let mut keys = v1::MemberInput::default();
    let row = columns.own(row).unwrap_or(row);
    for (column, cell) in columns.columns.iter().zip(row.cells()) {
        let key = match column {
            Column::Field(Field::Id) => &mut keys.id,
            Column::Field(Field::Ref) => &mut keys.r#ref,
            Column::Field(Field::Email) => &mut keys.email,
            Column::Field(Field::WorkerId) => &mut keys.worker_id,
            _ => continue,
        };
        *key =
            cells::value(cell, columns.reading).ok().filter(|value| !value.is_empty()).map(Cow::into_owned);
    }
    keys
}

/// Rejects a row whose cells do not match the columns. Empty cells at its end, and in columns without a name,
/// are ignored.
fn check_shape(columns: &Columns, row: Row<'_>) -> Result<(), RowFailure> {
    let is_blank = |cell: &str| cell.trim().is_empty();
    let (width, named) = (row.width(), columns.named());
    if width < named || row.cells().skip(columns.columns.len()).any(|cell| !is_blank(cell)) {
        let message = format!("the row has {}, the header has {named}", words::count(width, "cell"));
        return Err(RowFailure::new("CELL_COUNT", "", message));
    }
    if columns.is_header(row) {
        return Err(RowFailure::new("HEADER_REPEATED", "", "the row repeats the header"));
    }
    let mut unnamed = (1..).zip(row.cells().zip(&columns.columns));
    match unnamed.find(|(_, (cell, column))| **column == Column::Unnamed && !is_blank(cell)) {
        Some((place, (cell, _))) => {
            let message = format!("{cell:?} is in column {place}, which has no name");
            Err(RowFailure::new("CELL_COUNT", "", message))
        }
        None => Ok(()),
    }
}

fn set(
    member: &mut v1::MemberInput,
    account: &mut Account,
    field: Field,
    cell: &str,
) -> Result<(), RowFailure> {
    let text = || Some(cell.to_owned());
    match field {
        Field::Id => member.id = text(),
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
        Field::EnablePayroll => member.enable_payroll = Some(boolean(cell)?),
        Field::SortCode => account.sort_code = text(),
        Field::AccountNumber => account.account_number = text(),
        Field::AccountHolder => account.holder = text(),
        Field::Iban => account.iban = text(),
        Field::Attributes => {
            let fields = ndjson::json_of(cell)
                .map_err(|faulty| not_json(&faulty, "a JSON object such as {\"team\": \"Ops\"}"))?;
            member.attributes = Some(json::object_to_wire(fields));
        }
    }
    Ok(())
}

fn attribute(kind: AttributeType, cell: &str) -> Result<Value, RowFailure> {
    let kind = match kind {
        AttributeType::Text => Kind::StringValue(cell.to_owned()),
        AttributeType::Boolean => Kind::BoolValue(boolean(cell)?),
        AttributeType::Number => {
            let number = cell.parse().map_err(|_| {
                let message = format!("{cell:?} is not a number such as 41 or 41.5");
                RowFailure::new("INVALID_NUMBER", "", message)
            })?;
            Kind::NumberValue(number)
        }
        AttributeType::Json => {
            let value = ndjson::json_of(cell).map_err(|faulty| not_json(&faulty, "a JSON value"))?;
            return Ok(json::to_wire(value));
        }
    };
    Ok(Value { kind: Some(kind) })
}

fn boolean(cell: &str) -> Result<bool, RowFailure> {
    match cell.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => {
            let message = format!("{cell:?} is not one of true, yes, 1, false, no and 0");
            Err(RowFailure::new("INVALID_BOOLEAN", "", message))
        }
    }
}

fn not_json(faulty: &Faulty, wanted: &str) -> RowFailure {
    RowFailure::new("INVALID_JSON", "", format!("the cell must be {wanted}, but {}", ndjson::fault(faulty)))
}

/// The cells of a bank account, which together form one field.
#[derive(Default)]
struct Account {
    holder: Option<String>,
    sort_code: Option<String>,
    account_number: Option<String>,
    iban: Option<String>,
}

impl Account {
    /// The account as given, also if incomplete: the server reports what is missing or contradictory.
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
    use super::member;
    use crate::api::grpc::v1;
    use crate::cli::import::failure::RowFailure;
    use crate::cli::import::reading::cells::Reading;
    use crate::cli::import::reading::columns::Columns;
    use crate::cli::import::reading::csv_rows::CsvRows;
    use crate::cli::import::reading::match_key::MatchKey;
    use crate::cli::import::reading::rows::Collector;

    fn members(text: &str) -> Vec<Result<v1::MemberInput, RowFailure>> {
        read(text, Reading::Cleaned)
    }

    fn read(text: &str, reading: Reading) -> Vec<Result<v1::MemberInput, RowFailure>> {
        let mut reader = CsvRows::new(text.as_bytes(), b',');
        let columns = Columns::from_header(&reader.header().unwrap(), MatchKey::Ref, reading).unwrap();
        let mut rows = Collector::default();
        while reader.next(&mut rows).unwrap() {}
        rows.finish().unwrap().iter().map(|row| member(&columns, row)).collect()
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
    fn a_row_that_cannot_be_sent_fails() {
        let text = "ref,enable_payroll,attributes.age:number,attributes\n".replace(",attributes\n", "\n");
        let failures = members(&format!("{text}a,maybe,\nb,,old\nc,\nd,,,x\n"));
        let reasons: Vec<_> = failures.into_iter().map(|failure| failure.unwrap_err().reason).collect();
        assert_eq!(reasons, ["INVALID_BOOLEAN", "INVALID_NUMBER", "CELL_COUNT", "CELL_COUNT"]);
        assert_eq!(members("ref,attributes\na,[1]\n").remove(0).unwrap_err().reason, "INVALID_JSON");
    }

    #[test]
    fn empty_cells_at_the_end_and_under_no_name_are_nothing() {
        let text = "ref,,tier,\na,,x,\nb,,x\nc, ,x, ,,\nd,,x,,y\ne,y,x,\nf,\n";
        let (good, bad): (Vec<_>, Vec<_>) = members(text).into_iter().partition(Result::is_ok);
        let good: Vec<_> = good.into_iter().map(|member| member.unwrap().r#ref.unwrap()).collect();
        assert_eq!(good, ["a", "b", "c"]);
        let bad: Vec<_> = bad.into_iter().map(Result::unwrap_err).collect();
        assert!(bad.iter().all(|failure| failure.reason == "CELL_COUNT"), "{bad:?}");
        assert!(bad[1].message.contains("column 2"), "{bad:?}");
    }

    #[test]
    fn a_header_in_the_middle_is_a_failed_row() {
        let failures: Vec<_> = members("ref,First Name\na,A\nRef,first_name\nref,x\n");
        assert_eq!(failures[1].clone().unwrap_err().reason, "HEADER_REPEATED");
        assert_eq!(failures[2].clone().unwrap().first_name.as_deref(), Some("x"));
    }

    #[test]
    fn cells_are_cleaned_unless_they_are_to_be_read_as_they_are() {
        let text = "ref,first_name,phone\n\" a \",\"=\"\"B\"\"\",'+44\n";
        let told = |reading| {
            let member = read(text, reading).remove(0).unwrap();
            [member.r#ref, member.first_name, member.phone].map(Option::unwrap)
        };
        assert_eq!(told(Reading::Cleaned), ["a", "B", "+44"]);
        assert_eq!(told(Reading::Exact), [" a ", "=\"B\"", "'+44"]);
        let failures = members("ref,tier,attributes.x\n101.0,,\na,\\N,\nb,,\\N\n");
        let told: Vec<_> =
            failures.into_iter().map(Result::unwrap_err).map(|f| (f.reason.into_owned(), f.field)).collect();
        let expected =
            [("NUMBER_NOT_TEXT", "ref"), ("CELL_INVALID", "tier"), ("CELL_INVALID", "attributes.x")];
        assert_eq!(told, expected.map(|(reason, field)| (reason.to_owned(), field.to_owned())));
    }
}
