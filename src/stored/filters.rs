//! The stored form of filters as a caller sent them.
//!
//! ```text
//! filters = count varint, that many filters
//! filter  = flags varint (bit n: the n-th of key eq ne gt gte lt lte in nin exists prefix regex and or),
//!           then what is present: key and prefix text, values, in and nin lists of values, exists u8,
//!           regex pattern text and case u8, and and or filters
//! value   = 0 (null), 1 (false), 2 (true), 3 and f64 in eight bytes, 4 and text, 5 and a list of values,
//!           6 (object)
//! ```

use crate::model::filter::{RawFilter, RawRegex, RawValue};
use crate::stored::DecodeError;
use crate::stored::bytes::{Reader, Writer};

/// Deeper filters are damaged: no door accepts so deep ones.
const DEPTH_MAX: usize = 64;

/// Appends filters.
pub fn write(w: &mut Writer, filters: &[RawFilter]) {
    count(w, filters.len());
    filters.iter().for_each(|filter| write_one(w, filter));
}

/// Reads filters.
pub fn read(r: &mut Reader<'_>) -> Result<Vec<RawFilter>, DecodeError> {
    read_some(r, DEPTH_MAX)
}

fn write_one(w: &mut Writer, filter: &RawFilter) {
    let RawFilter { key, eq, ne, gt, gte, lt, lte, in_, nin, exists, prefix, regex, and, or } = filter;
    let values = [eq, ne, gt, gte, lt, lte];
    let lists = [in_, nin];
    let present = std::iter::once(key.is_some())
        .chain(values.iter().map(|value| value.is_some()))
        .chain(lists.iter().map(|list| list.is_some()))
        .chain([exists.is_some(), prefix.is_some(), regex.is_some(), and.is_some(), or.is_some()]);
    w.varint(present.enumerate().map(|(bit, is)| u64::from(is) << bit).sum());
    key.iter().for_each(|key| w.slice(key.as_bytes()));
    values.into_iter().flatten().for_each(|value| write_value(w, value));
    for list in lists.into_iter().flatten() {
        write_values(w, list);
    }
    exists.iter().for_each(|exists| w.u8(u8::from(*exists)));
    prefix.iter().for_each(|prefix| w.slice(prefix.as_bytes()));
    if let Some(RawRegex { pattern, case_insensitive }) = regex {
        w.slice(pattern.as_bytes());
        w.u8(u8::from(*case_insensitive));
    }
    [and, or].into_iter().flatten().for_each(|filters| write(w, filters));
}

fn write_value(w: &mut Writer, value: &RawValue) {
    match value {
        RawValue::Null => w.u8(0),
        RawValue::Bool(value) => w.u8(1 + u8::from(*value)),
        RawValue::Number(number) => {
            w.u8(3);
            w.u64(number.to_bits());
        }
        RawValue::Text(text) => {
            w.u8(4);
            w.slice(text.as_bytes());
        }
        RawValue::List(values) => {
            w.u8(5);
            write_values(w, values);
        }
        RawValue::Object => w.u8(6),
    }
}

fn write_values(w: &mut Writer, values: &[RawValue]) {
    count(w, values.len());
    values.iter().for_each(|value| write_value(w, value));
}

fn count(w: &mut Writer, count: usize) {
    w.varint(count.try_into().unwrap_or(u64::MAX));
}

fn read_some(r: &mut Reader<'_>, depth: usize) -> Result<Vec<RawFilter>, DecodeError> {
    if depth == 0 {
        return Err(r.damaged("a filter is too deep"));
    }
    (0..r.size()?).map(|_| read_one(r, depth - 1)).collect()
}

fn read_one(r: &mut Reader<'_>, depth: usize) -> Result<RawFilter, DecodeError> {
    let flags = r.varint()?;
    if flags >> 14 != 0 {
        return Err(r.damaged("a filter has an unknown part"));
    }
    let has = |bit: u32| flags >> bit & 1 == 1;
    let mut filter = RawFilter::default();
    if has(0) {
        filter.key = Some(r.text()?.to_owned());
    }
    let values =
        [&mut filter.eq, &mut filter.ne, &mut filter.gt, &mut filter.gte, &mut filter.lt, &mut filter.lte];
    for (bit, value) in (1_u32..).zip(values) {
        if has(bit) {
            *value = Some(read_value(r, depth)?);
        }
    }
    for (bit, list) in (7_u32..).zip([&mut filter.in_, &mut filter.nin]) {
        if has(bit) {
            *list = Some(read_values(r, depth)?);
        }
    }
    if has(9) {
        filter.exists = Some(r.u8()? != 0);
    }
    if has(10) {
        filter.prefix = Some(r.text()?.to_owned());
    }
    if has(11) {
        filter.regex = Some(RawRegex { pattern: r.text()?.to_owned(), case_insensitive: r.u8()? != 0 });
    }
    for (bit, filters) in (12_u32..).zip([&mut filter.and, &mut filter.or]) {
        if has(bit) {
            *filters = Some(read_some(r, depth)?);
        }
    }
    Ok(filter)
}

fn read_value(r: &mut Reader<'_>, depth: usize) -> Result<RawValue, DecodeError> {
    Ok(match r.u8()? {
        0 => RawValue::Null,
        1 => RawValue::Bool(false),
        2 => RawValue::Bool(true),
        3 => RawValue::Number(f64::from_bits(r.u64()?)),
        4 => RawValue::Text(r.text()?.to_owned()),
        5 => RawValue::List(read_values(r, depth)?),
        6 => RawValue::Object,
        _ => return Err(r.damaged("an operand is of an unknown kind")),
    })
}

fn read_values(r: &mut Reader<'_>, depth: usize) -> Result<Vec<RawValue>, DecodeError> {
    if depth == 0 {
        return Err(r.damaged("a filter is too deep"));
    }
    (0..r.size()?).map(|_| read_value(r, depth - 1)).collect()
}
