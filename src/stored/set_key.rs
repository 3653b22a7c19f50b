//! The keys of sets, part of the registry in [`super::key`].
//!
//! In stores of format 1 a field had one byte in these keys, which were in a table of their own. The
//! [`super::index::IndexState`] of a base says which of the two tables has its sets; the first checkpoint
//! moves them to the new one.

use super::key::{NARROW_SET, SET, of_base, own_part};
use crate::engine::{Key, KeyRange};
use crate::model::BaseNumber;
use crate::model::schema::FieldNumber;

/// One chunk of a set. `value` is the name of the value, which is far shorter than 65,535 bytes (see
/// [`crate::model::AttributeValue::set_name`]).
#[must_use]
pub fn set(base: BaseNumber, field: FieldNumber, value: &str, chunk: u64) -> Key {
    let mut key = of_field(base, field, 10 + value.len());
    key.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    key.extend_from_slice(value.as_bytes());
    key.extend_from_slice(&chunk.to_be_bytes());
    key
}

/// Every chunk of every set of a base.
#[must_use]
pub fn sets(base: BaseNumber) -> KeyRange {
    KeyRange::prefix(&of_base(SET, base, 0))
}

/// Every chunk of every set of a field.
#[must_use]
pub fn sets_of(base: BaseNumber, field: FieldNumber) -> KeyRange {
    KeyRange::prefix(&of_field(base, field, 0))
}

/// Every chunk of every set of a base, in stores of format 1.
#[must_use]
pub fn narrow_sets(base: BaseNumber) -> KeyRange {
    KeyRange::prefix(&of_base(NARROW_SET, base, 0))
}

/// Field, value and chunk of a set key, of either table.
#[must_use]
pub fn set_parts(key: &[u8]) -> Option<(FieldNumber, &str, u64)> {
    let (field, rest) = match own_part(SET, key) {
        Some(rest) => {
            let (field, rest) = rest.split_at_checked(2)?;
            (u16::from_be_bytes(field.try_into().ok()?), rest)
        }
        None => {
            let (field, rest) = own_part(NARROW_SET, key)?.split_first()?;
            (u16::from(*field), rest)
        }
    };
    let (length, rest) = rest.split_at_checked(2)?;
    let (value, chunk) = rest.split_at_checked(usize::from(u16::from_be_bytes(length.try_into().ok()?)))?;
    Some((FieldNumber(field), std::str::from_utf8(value).ok()?, u64::from_be_bytes(chunk.try_into().ok()?)))
}

fn of_field(base: BaseNumber, field: FieldNumber, more: usize) -> Key {
    let mut key = of_base(SET, base, 2 + more);
    key.extend_from_slice(&field.0.to_be_bytes());
    key
}

/// The key of a chunk in a store of format 1.
#[cfg(test)]
pub fn narrow_set(base: BaseNumber, field: u8, value: &str, chunk: u64) -> Key {
    let wide = set(base, FieldNumber(u16::from(field)), value, chunk);
    [&of_base(NARROW_SET, base, 0)[..], &wide[6..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::documented::assert_documented;

    const BASE: BaseNumber = BaseNumber(0x0102_0304);

    fn hex(key: &[u8]) -> String {
        key.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn keys_of_both_tables_have_their_golden_bytes_and_their_parts_come_back() {
        let wide = set(BASE, FieldNumber(0x0506), "Gö", 9);
        assert_eq!(hex(&wide), "33010203040506000347c3b60000000000000009");
        [&wide, &narrow_set(BASE, 1, "Gö", 9)].into_iter().for_each(|key| assert_documented(key));
        assert_eq!(set_parts(&wide), Some((FieldNumber(0x0506), "Gö", 9)));
        let narrow = narrow_set(BASE, 1, "Gö", 9);
        assert_eq!(hex(&narrow), "320102030401000347c3b60000000000000009");
        assert_eq!(set_parts(&narrow), Some((FieldNumber(1), "Gö", 9)));
        for length in 0..wide.len() {
            assert_eq!(set_parts(&wide[..length]), None);
        }
        assert_eq!(set_parts(&[wide, vec![0]].concat()), None);
        assert_eq!(set_parts(&super::super::key::header(BASE)), None);
    }

    #[test]
    fn values_and_fields_keep_their_order_and_stay_in_their_ranges() {
        let field = FieldNumber(300);
        assert!(set(BASE, field, "a", u64::MAX) < set(BASE, field, "b", 0));
        let within = |range: &KeyRange, key: &Key| {
            std::ops::RangeBounds::contains(&(range.start.clone(), range.end.clone()), key)
        };
        for (of, inside) in [(299, false), (300, true), (301, false), (44, false)] {
            assert_eq!(within(&sets_of(BASE, field), &set(BASE, FieldNumber(of), "x", 7)), inside, "{of}");
            assert!(within(&sets(BASE), &set(BASE, FieldNumber(of), "x", 7)));
        }
        assert!(within(&narrow_sets(BASE), &narrow_set(BASE, 9, "", 0)));
    }
}
