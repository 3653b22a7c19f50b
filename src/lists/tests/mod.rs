mod corpus;
mod dialects;
mod limits;

use super::{ListRow, Options, Reader, Refusal, RowAttributes, RowFault, Summary};
use crate::model::{Change, RawRow};

/// All rows of a list, or why it is refused; the same in pieces of any size.
#[track_caller]
fn read(bytes: &[u8], options: &Options) -> (Vec<ListRow>, Result<Summary, Refusal>) {
    let by = |step: usize| {
        let mut reader = Reader::new(options.clone());
        let mut rows = Vec::new();
        let pushed = bytes.chunks(step).try_for_each(|piece| reader.push(piece, &mut rows));
        let end = pushed.and_then(|()| reader.finish(&mut rows));
        if end.is_err() {
            assert_eq!(reader.push(b"x", &mut rows), end.clone().map(drop), "a refusal stays");
        }
        (rows, end)
    };
    let (rows, end) = by(bytes.len().max(1));
    for step in [1, 5] {
        let (pieces, other) = by(step);
        assert_eq!(other, end, "in pieces of {step}");
        let texts = |rows: &[ListRow]| -> Vec<(u64, Vec<String>)> {
            rows.iter().map(|row| (row.number(), row.cells().map(str::to_owned).collect())).collect()
        };
        assert_eq!(texts(&pieces), texts(&rows), "in pieces of {step}");
    }
    (rows, end)
}

/// What a row says under the name of a field or of an attribute; `None` if the list has no such column.
fn said(row: &RawRow<RowAttributes>, name: &str) -> Option<String> {
    let texts = [
        ("ref", &row.ref_),
        ("email", &row.email),
        ("first_name", &row.first_name),
        ("last_name", &row.last_name),
        ("phone", &row.phone),
        ("worker_id", &row.worker_id),
        ("tier", &row.tier),
        ("dob", &row.dob),
        ("gender", &row.gender),
    ];
    match texts.into_iter().find(|(field, _)| *field == name) {
        Some((_, Change::Set(text))) => Some(text.clone()),
        Some((_, Change::Clear)) => Some(String::new()),
        Some((_, Change::Keep)) => None,
        None => {
            let (_, value) = row.attributes.values.iter().find(|(key, _)| key == name)?;
            Some(value.as_ref().map_or(String::new(), |value| match value {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            }))
        }
    }
}

/// A fault with the place of its row: `3: CELL_COUNT`, `3: CELL_INVALID tier`.
fn placed(row: &ListRow, fault: &RowFault) -> String {
    format!("{}: {} {}", row.number(), fault.rule.code(), fault.column).trim_end().to_owned()
}
