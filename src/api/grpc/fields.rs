//! The fields of a message, read from its bytes one after another.

/// The longest number that has no bits beyond those that count, in bytes.
const PLAIN_BYTES: usize = 9;

/// A field as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its number.
    pub number: u64,
    /// How it was sent.
    pub sent: Sent<'a>,
}

/// What a field was sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent<'a> {
    /// A number.
    Number(u64),
    /// A text, bytes or a message.
    Bytes(&'a [u8]),
    /// Eight or four bytes.
    Fixed,
}

/// The next field of a message that is not at its end. `None` for bytes that are not a message, and for what
/// is hardly ever sent: groups, and numbers of ten bytes.
pub fn next<'a>(bytes: &mut &'a [u8]) -> Option<Field<'a>> {
    let tag = plain(bytes)?;
    let sent = match tag & 7 {
        0 => Sent::Number(plain(bytes)?),
        1 => fixed(bytes, 8)?,
        2 => {
            let length = usize::try_from(plain(bytes)?).ok()?;
            let (content, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            Sent::Bytes(content)
        }
        5 => fixed(bytes, 4)?,
        _ => return None,
    };
    Some(Field { number: tag >> 3, sent })
}

fn fixed<'a>(bytes: &mut &[u8], length: usize) -> Option<Sent<'a>> {
    *bytes = bytes.split_at_checked(length)?.1;
    Some(Sent::Fixed)
}

fn plain(bytes: &mut &[u8]) -> Option<u64> {
    let before = bytes.len();
    let number = varint(bytes)?;
    (before - bytes.len() <= PLAIN_BYTES).then_some(number)
}

/// The content after a tag of this wire type, empty for a number. The fields of a group are read as if they
/// were outside of it.
pub fn content<'a>(wire_type: u64, bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let taken = match wire_type {
        0 => {
            varint(bytes)?;
            return Some(&[]);
        }
        1 => 8,
        5 => 4,
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            let (content, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            return Some(content);
        }
        3 | 4 => 0,
        _ => return None,
    };
    *bytes = bytes.split_at_checked(taken)?.1;
    Some(&[])
}

/// A number of up to ten bytes, of which the last may have bits that do not count.
pub fn varint(bytes: &mut &[u8]) -> Option<u64> {
    // Nearly all tags and lengths are one byte.
    if let Some((first, rest)) = bytes.split_first()
        && *first < 0x80
    {
        *bytes = rest;
        return Some(u64::from(*first));
    }
    long_varint(bytes)
}

fn long_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if *first < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_one_after_another() {
        let message =
            [&[0x08, 0x96, 0x01][..], &[0x12, 1, b'a'], &[0x19, 0, 0, 0, 0, 0, 0, 0, 0], &[0x25, 0, 0, 0, 0]];
        let bytes = message.concat();
        let (mut rest, mut read) = (&bytes[..], Vec::new());
        while !rest.is_empty() {
            let field = next(&mut rest).unwrap();
            read.push((field.number, field.sent));
        }
        let expected = [(1, Sent::Number(150)), (2, Sent::Bytes(b"a")), (3, Sent::Fixed), (4, Sent::Fixed)];
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_cut_short_or_hardly_ever_sent_is_not_read() {
        let ten = [&[0x08][..], &[0xff; 9], &[0x01]].concat();
        for bytes in
            [&[0x08][..], &[0x12, 2, b'a'], &[0x19, 0], &[0x25, 0, 0, 0], &[0x0b], &[0x0c], &[0x0f], &ten]
        {
            assert_eq!(next(&mut &bytes[..]), None, "{bytes:?}");
        }
        // Nine bytes of a number have 63 bits.
        let nine = [&[0x08][..], &[0xff; 8], &[0x7f]].concat();
        assert_eq!(next(&mut &nine[..]).unwrap().sent, Sent::Number(u64::MAX >> 1));
    }
}
