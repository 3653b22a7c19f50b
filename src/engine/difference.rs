//! Differences: what a new value has that the value before it had not, for values that consist of items.
//!
//! ```text
//! value      := head item*                (ids ascend)
//! difference := head-length:varint item*  (ids ascend)
//! item       := id:u8 length:varint byte*
//! ```
//!
//! A varint is an unsigned LEB128 number. The new value has the head of the old one, whose length the
//! difference says, and the items of both; of two items with the same id, that of the difference. So an item
//! can be added or replaced, and never removed. What an item means is nobody's business here.
//!
//! Applying the differences of a log in order leads to the same value from every value that the key had
//! meanwhile, because each item comes from the last difference that has it. So it does no harm to apply a
//! difference again.

#[cfg(test)]
use super::batch::{Batch, Key, Value};

/// The most bytes of a number: a value has less than 2^21.
const VARINT_BYTES: usize = 3;

/// The new value; `None` if the old value does not consist of items, or the difference is not one.
pub(crate) fn apply(old: &[u8], difference: &[u8]) -> Option<Vec<u8>> {
    let mut newer = difference;
    let (head, older) = old.split_at_checked(varint(&mut newer)?)?;
    merge(head, older, newer)
}

/// One difference in the place of two; `None` if no value has both.
pub(crate) fn join(older: &[u8], newer: &[u8]) -> Option<Vec<u8>> {
    let (mut older_items, mut newer_items) = (older, newer);
    if varint(&mut older_items)? != varint(&mut newer_items)? {
        return None;
    }
    let head = older.get(..older.len() - older_items.len())?;
    merge(head, older_items, newer_items)
}

/// The head, and the items of both in the order of their ids.
fn merge(head: &[u8], mut older: &[u8], mut newer: &[u8]) -> Option<Vec<u8>> {
    let mut merged = Vec::with_capacity(head.len() + older.len() + newer.len());
    merged.extend_from_slice(head);
    let (mut old, mut new) = (item(&mut older)?, item(&mut newer)?);
    loop {
        let (next, takes_old) = match (old, new) {
            (Some(old), Some(new)) => (if old.0 < new.0 { old } else { new }, old.0 <= new.0),
            (Some(old), None) => (old, true),
            (None, Some(new)) => (new, false),
            (None, None) => return Some(merged),
        };
        let takes_new = new.is_some_and(|new| new.0 == next.0);
        merged.extend_from_slice(next.1);
        if takes_old {
            old = after(next.0, item(&mut older)?)?;
        }
        if takes_new {
            new = after(next.0, item(&mut newer)?)?;
        }
    }
}

/// An item: its id, and all of its bytes.
type Item<'a> = (u8, &'a [u8]);

/// Takes the next item; `Some(None)` at the end, `None` if the bytes are not an item.
fn item<'a>(from: &mut &'a [u8]) -> Option<Option<Item<'a>>> {
    let whole = *from;
    let Some((id, mut rest)) = whole.split_first() else { return Some(None) };
    let length = varint(&mut rest)?;
    let rest = rest.get(length..)?;
    let (item, left) = whole.split_at_checked(whole.len() - rest.len())?;
    *from = left;
    Some(Some((*id, item)))
}

/// The item, unless it does not come after `id`.
fn after(id: u8, next: Option<Item<'_>>) -> Option<Option<Item<'_>>> {
    next.is_none_or(|next| next.0 > id).then_some(next)
}

/// Takes a number.
fn varint(from: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for (at, byte) in from.iter().take(VARINT_BYTES).enumerate() {
        number |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            *from = from.get(at + 1..)?;
            return Some(number);
        }
    }
    None
}

/// For tests of engines: writes a value with this item, and all others of the value that the key has.
#[cfg(test)]
pub(crate) fn put_item(
    batch: &mut Batch,
    key: Key,
    stored: Option<&[u8]>,
    id: u8,
    byte: u8,
    length: u8,
) -> Value {
    let item = [&[id, length & 0x7F][..], &vec![byte; usize::from(length & 0x7F)]].concat();
    let difference = [&[0][..], &item].concat();
    match stored.and_then(|stored| apply(stored, &difference)) {
        Some(value) => {
            let value = Value::from(value);
            batch.put_changed(key, value.clone(), difference);
            value
        }
        None => {
            batch.put(key, item.clone());
            item.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Items = BTreeMap<u8, Vec<u8>>;

    fn items() -> impl Strategy<Value = Items> {
        let bytes = prop_oneof![4 => 0_usize..9, 1 => 120_usize..140];
        let bytes = (bytes, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]);
        proptest::collection::btree_map(0_u8..16, bytes, 0..16)
    }

    fn encode(head: &[u8], items: &Items) -> Vec<u8> {
        let mut bytes = head.to_vec();
        for (id, item) in items {
            bytes.push(*id);
            match u8::try_from(item.len()).unwrap() {
                length @ 0..128 => bytes.push(length),
                length => bytes.extend([length, 1]),
            }
            bytes.extend(item);
        }
        bytes
    }

    fn both(older: &Items, newer: &Items) -> Items {
        older.clone().into_iter().chain(newer.clone()).collect()
    }

    proptest! {
        #[test]
        fn the_new_value_has_the_items_of_both(old in items(), new in items()) {
            let head = b"head";
            let made = apply(&encode(head, &old), &encode(&[4], &new));
            prop_assert_eq!(made, Some(encode(head, &both(&old, &new))));
        }

        #[test]
        fn joined_differences_do_what_both_did(old in items(), first in items(), second in items()) {
            let [old, first, second] = [encode(b"ab", &old), encode(&[2], &first), encode(&[2], &second)];
            let joined = apply(&old, &join(&first, &second).unwrap());
            let one_by_one = apply(&apply(&old, &first).unwrap(), &second);
            prop_assert_eq!(joined, one_by_one);
        }

        #[test]
        fn differences_lead_to_the_last_value_from_every_value_between(
            old in items(), steps in proptest::collection::vec(items(), 1..6),
        ) {
            let mut values = vec![encode(&[], &old)];
            for step in &steps {
                values.push(apply(&values[values.len() - 1], &encode(&[0], step)).unwrap());
            }
            for between in &values {
                let replayed = steps.iter().fold(between.clone(), |value, step| {
                    apply(&value, &encode(&[0], step)).unwrap()
                });
                prop_assert_eq!(&replayed, &values[values.len() - 1]);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(
            old in proptest::collection::vec(any::<u8>(), 0..60),
            new in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let _ = (apply(&old, &new), join(&old, &new));
        }
    }

    #[test]
    fn what_is_not_a_difference_of_the_value_is_refused() {
        let old = [9, 1, 1, b'a', 4, 0];
        assert_eq!(apply(&old, &[1, 2, 1, b'b']), Some(vec![9, 1, 1, b'a', 2, 1, b'b', 4, 0]));
        for difference in
            [&[][..], &[7], &[0x80], &[1, 2], &[1, 2, 2, b'b'], &[1, 2, 0, 2, 0], &[1, 2, 0, 1, 0]]
        {
            assert_eq!(apply(&old, difference), None, "{difference:?}");
        }
        assert_eq!(apply(&[9, 4, 0, 1, 0], &[1]), None, "items of the value are out of order");
        assert_eq!(apply(&[9, 4, 1], &[1]), None, "the value is cut off");
        assert_eq!(join(&[1, 1, 0], &[2, 1, 0]), None);
    }
}
