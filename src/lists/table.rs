//! Makes a row of the model from a row of cells.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::attributes::RowAttributes;
use super::cell::{self, Reading};
use super::columns::{AttributeType, Column, Columns};
use super::field::Field;
use super::object;
use super::row_fault::{RowFault, RowRule};
use crate::model::faulty_json::Faulty;
use crate::model::{Change, RawAccount, RawEuAccount, RawRow, RawUkAccount, RowTexts, words};

/// A row as its cells say it. Only what is no value of its column fails here; the model checks the values.
pub fn row(columns: &Columns, cells: &[&str]) -> Result<RawRow<RowAttributes>, RowFault> {
    let mut row = RawRow::default();
    let mut account = Account::default();
    let reading = columns.reading();
    each_cell(columns, cells, |column, cell| {
        match column {
            Column::Field(field) => set(&mut row, &mut account, *field, &cell, reading)?,
            Column::Attribute(key, kind) => {
                let value = if cell.is_empty() { None } else { Some(attribute(*kind, &cell)?) };
                row.attributes.values.push((key.clone(), value));
            }
            Column::Skipped | Column::Unnamed => {}
        }
        Ok(())
    })?;
    row.account_details = account.details();
    Ok(row)
}

/// Fills in the texts of a row whose cells say what they mean without any change. Returns whether it is such
/// a row: not with faults, an id, bank details or columns of attributes.
pub fn texts<'a>(columns: &Columns, cells: &[&'a str], texts: &mut RowTexts<'a>) -> bool {
    let Some((own, _)) = columns.split(cells) else { return false };
    let cells = cells.get(..own).unwrap_or(cells);
    if check_shape(columns, cells).is_err() {
        return false;
    }
    let (reading, has_no_controls) = (columns.reading(), texts.has_no_controls);
    columns.columns.iter().zip(cells).all(|(column, &cell)| {
        let Some(cell) = cell::unchanged(cell, reading, has_no_controls) else { return false };
        cell::check_error(cell).is_ok()
            && match column {
                Column::Field(field) => {
                    cell::check_number(*field, cell, reading).is_ok()
                        && cell::check_key(*field, cell, reading).is_ok()
                        && set_text(texts, *field, cell, reading)
                }
                Column::Skipped | Column::Unnamed => true,
                Column::Attribute(..) => false,
            }
    })
}

/// Calls `take` with the value of each cell in a column, in order. Rejects a row with another shape than the
/// header, and cells that have no value.
fn each_cell<'a>(
    columns: &Columns,
    cells: &[&'a str],
    mut take: impl FnMut(&Column, Cow<'a, str>) -> Result<(), RowFault>,
) -> Result<(), RowFault> {
    let (own, _) = columns.split(cells).ok_or_else(|| {
        let message = "the row does not end with a line, reason, field and message, as the header requires";
        RowFault::new(RowRule::CellCount, "", message)
    })?;
    let cells = cells.get(..own).unwrap_or(cells);
    check_shape(columns, cells)?;
    let reading = columns.reading();
    for (at, (column, cell)) in columns.columns.iter().zip(cells).enumerate() {
        let named = |fault: RowFault| fault.at(columns.name(at));
        let invalid = |message: String| named(RowFault::new(RowRule::CellInvalid, "", message));
        let cell = cell::value(cell, reading).map_err(|fault| invalid(fault.to_owned()))?;
        if reading == Reading::Cleaned && !matches!(column, Column::Skipped) {
            cell::check_error(&cell).map_err(invalid)?;
        } else if columns.has_failures() && cell == cell::UNREADABLE {
            return Err(invalid("this cell of the spreadsheet could not be read; fill it in".to_owned()));
        }
        if let Column::Field(field) = column {
            cell::check_number(*field, &cell, reading).map_err(named)?;
            cell::check_key(*field, &cell, reading).map_err(named)?;
        }
        take(column, cell).map_err(named)?;
    }
    Ok(())
}

/// The value of the cell in the column of a field, even if the row has faults; `None` if it has none.
pub fn key(columns: &Columns, cells: &[&str], field: Field) -> Option<String> {
    let own = columns.split(cells).map_or(cells.len(), |(own, _)| own);
    let at = columns.place(field).filter(|at| *at < own)?;
    let value = cell::value(cells.get(at)?, columns.reading()).ok()?;
    Some(value.into_owned()).filter(|value| !value.is_empty())
}

/// Rejects a row whose cells do not match the columns. Empty cells at its end, and in columns without a name,
/// are ignored.
fn check_shape(columns: &Columns, cells: &[&str]) -> Result<(), RowFault> {
    let is_blank = |cell: &&str| cell.trim().is_empty();
    let (width, named) = (cells.len(), columns.named());
    let count = columns.columns.len();
    if width < named || cells.iter().skip(count).any(|cell| !is_blank(cell)) {
        let message = format!("the row has {}, the header has {named}", words::count(width, "cell"));
        return Err(RowFault::new(RowRule::CellCount, "", message));
    }
    if columns.is_header(cells) {
        return Err(RowFault::new(RowRule::HeaderRepeated, "", "the row repeats the header"));
    }
    let mut unnamed = (1..).zip(cells.iter().zip(&columns.columns));
    match unnamed.find(|(_, (cell, column))| **column == Column::Unnamed && !is_blank(cell)) {
        Some((place, (cell, _))) => {
            let message = format!("{cell:?} is in column {place}, which has no name");
            Err(RowFault::new(RowRule::CellCount, "", message))
        }
        None => Ok(()),
    }
}

fn set(
    row: &mut RawRow<RowAttributes>,
    account: &mut Account,
    field: Field,
    cell: &str,
    reading: Reading,
) -> Result<(), RowFault> {
    let given = || (!cell.is_empty()).then(|| cell.to_owned());
    let change = || given().map_or(Change::Clear, Change::Set);
    match field {
        Field::Id => row.id = given(),
        Field::Status => row.status = given(),
        Field::Ref => row.ref_ = change(),
        Field::Email => row.email = change(),
        Field::FirstName => row.first_name = change(),
        Field::LastName => row.last_name = change(),
        Field::Phone => row.phone = change(),
        Field::WorkerId => row.worker_id = change(),
        Field::Tier => row.tier = change(),
        Field::Dob if cell.is_empty() => row.dob = Change::Clear,
        Field::Dob => row.dob = Change::Set(cell::date(cell, reading).into_owned()),
        Field::Gender => row.gender = change(),
        Field::Role => row.role = change(),
        Field::Company => row.company = change(),
        Field::EnablePayroll if cell.is_empty() => row.enable_payroll = Change::Clear,
        Field::EnablePayroll => row.enable_payroll = Change::Set(boolean(cell)?),
        Field::SortCode => account.sort_code = change(),
        Field::AccountNumber => account.account_number = change(),
        Field::AccountHolder => account.holder = change(),
        Field::Iban => account.iban = change(),
        Field::Attributes => {
            row.attributes.is_whole = true;
            if !cell.is_empty() {
                let fields: serde_json::Map<String, Value> = object::json_of(cell)
                    .map_err(|faulty| not_json(&faulty, "a JSON object such as {\"team\": \"Ops\"}"))?;
                row.attributes.values = fields.into_iter().map(|(key, value)| (key, Some(value))).collect();
            }
        }
    }
    Ok(())
}

/// Sets a field to the text of a cell as it is. Returns whether the row is still one of plain texts.
fn set_text<'a>(row: &mut RowTexts<'a>, field: Field, cell: &'a str, reading: Reading) -> bool {
    let change = if cell.is_empty() { Change::Clear } else { Change::Set(cell) };
    match field {
        Field::Attributes => return false,
        Field::Id | Field::AccountHolder | Field::SortCode | Field::AccountNumber | Field::Iban
            if !cell.is_empty() =>
        {
            return false;
        }
        Field::Id | Field::AccountHolder => {}
        Field::SortCode | Field::AccountNumber | Field::Iban => row.clears_account = true,
        Field::Status => row.status = Some(cell).filter(|cell| !cell.is_empty()),
        Field::Ref => row.ref_ = change,
        Field::Email => row.email = change,
        Field::FirstName => row.first_name = change,
        Field::LastName => row.last_name = change,
        Field::Phone => row.phone = change,
        Field::WorkerId => row.worker_id = change,
        Field::Tier => row.tier = change,
        Field::Dob if matches!(cell::date(cell, reading), Cow::Owned(_)) => return false,
        Field::Dob => row.dob = change,
        Field::Gender => row.gender = change,
        Field::Role => row.role = change,
        Field::Company => row.company = change,
        Field::EnablePayroll if cell.is_empty() => row.enable_payroll = Change::Clear,
        Field::EnablePayroll => match boolean(cell) {
            Ok(flag) => row.enable_payroll = Change::Set(flag),
            Err(_) => return false,
        },
    }
    true
}

fn attribute(kind: AttributeType, cell: &str) -> Result<Value, RowFault> {
    match kind {
        AttributeType::Text => Ok(Value::String(cell.to_owned())),
        AttributeType::Boolean => Ok(Value::Bool(boolean(cell)?)),
        AttributeType::Number => {
            // Not NaN or infinite, which JSON does not have.
            let number = cell.parse().ok().and_then(Number::from_f64);
            number.map(Value::Number).ok_or_else(|| {
                let message = format!("{cell:?} is not a number such as 41 or 41.5");
                RowFault::new(RowRule::InvalidNumber, "", message)
            })
        }
        AttributeType::Json => object::json_of(cell).map_err(|faulty| not_json(&faulty, "a JSON value")),
    }
}

fn boolean(cell: &str) -> Result<bool, RowFault> {
    match cell.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => {
            let message = format!("{cell:?} is not one of true, yes, 1, false, no and 0");
            Err(RowFault::new(RowRule::InvalidBoolean, "", message))
        }
    }
}

fn not_json(faulty: &Faulty, wanted: &str) -> RowFault {
    RowFault::new(
        RowRule::InvalidJson,
        "",
        format!("the cell must be {wanted}, but {}", object::fault(faulty)),
    )
}

/// The cells of a bank account, which together form one field.
#[derive(Default)]
struct Account {
    holder: Change<String>,
    sort_code: Change<String>,
    account_number: Change<String>,
    iban: Change<String>,
}

impl Account {
    /// The account as given, also if incomplete: the model reports what is missing or contradictory. Columns
    /// of an account that are all empty clear it; a holder alone is no account.
    fn details(self) -> Change<RawAccount> {
        let Self { holder, sort_code, account_number, iban } = self;
        let has_columns = ![&sort_code, &account_number, &iban].into_iter().all(Change::is_keep);
        let set = |change: Change<String>| match change {
            Change::Set(text) => Some(text),
            Change::Clear | Change::Keep => None,
        };
        let [holder, sort_code, account_number, iban] = [holder, sort_code, account_number, iban].map(set);
        let uk = sort_code.is_some() || account_number.is_some();
        if !uk && iban.is_none() && holder.is_none() {
            return if has_columns { Change::Clear } else { Change::Keep };
        }
        let account_holder = holder.unwrap_or_default();
        Change::Set(RawAccount {
            eu: iban.map(|iban| RawEuAccount { account_holder: account_holder.clone(), iban }),
            uk: uk.then(|| RawUkAccount {
                account_holder,
                sort_code: sort_code.unwrap_or_default(),
                account_number: account_number.unwrap_or_default(),
            }),
        })
    }
}

#[cfg(test)]
mod tests;
