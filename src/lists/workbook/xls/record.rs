//! The records of a stream: a kind, a length and bytes. A record of more than 8 KiB goes on in the records of
//! kind [`CONTINUE`] that follow it.

/// The first record of the workbook and of each sheet.
pub(super) const BOF: u16 = 0x0809;
/// The last record of the workbook and of each sheet.
pub(super) const EOF: u16 = 0x000A;
/// The version in [`BOF`].
pub(super) const VERSION: u16 = 0x0600;
const CONTINUE: u16 = 0x003C;
const CUT: &str = "a record is cut off";

/// What a record lacks.
type Read<T> = Result<T, &'static str>;

/// The records of a stream, from a place on.
pub(super) struct Records<'a> {
    stream: &'a [u8],
}

/// A record. Its data is read from its beginning.
pub(super) struct Record<'a> {
    pub kind: u16,
    pub data: Data<'a>,
}

/// What is left of the data of a record.
pub(super) struct Data<'a> {
    piece: &'a [u8],
    /// The stream behind the piece, which may go on with the record.
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    pub(super) fn at(stream: &'a [u8], place: usize) -> Read<Self> {
        let stream = stream.get(place..).ok_or("it names a place beyond its end")?;
        Ok(Self { stream })
    }

    /// How many bytes of the stream follow.
    pub(super) fn left(&self) -> usize {
        self.stream.len()
    }

    /// The next record that does not continue another. A stream says where it ends; one that does not is cut
    /// off.
    pub(super) fn next(&mut self) -> Read<Record<'a>> {
        loop {
            let (kind, piece, rest) = split(self.stream).ok_or(CUT)?;
            self.stream = rest;
            if kind != CONTINUE {
                return Ok(Record { kind, data: Data { piece, rest } });
            }
        }
    }
}

/// The kind and the bytes of the first record, and what follows it.
fn split(stream: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (&[a, b, c, d], rest) = stream.split_first_chunk::<4>()?;
    let (piece, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([c, d])))?;
    Some((u16::from_le_bytes([a, b]), piece, rest))
}

impl Data<'_> {
    /// How many bytes are left before the record ends or is continued.
    pub(super) fn left(&self) -> usize {
        self.piece.len()
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> Read<[u8; N]> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            if self.piece.is_empty() {
                self.go_on()?;
            }
            let (first, rest) = self.piece.split_first().ok_or(CUT)?;
            (*byte, self.piece) = (*first, rest);
        }
        Ok(bytes)
    }

    pub(super) fn u8(&mut self) -> Read<u8> {
        self.bytes().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Read<u16> {
        self.bytes().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Read<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub(super) fn skip(&mut self, bytes: usize) -> Read<()> {
        let mut left = bytes;
        while left > 0 {
            if self.piece.is_empty() {
                self.go_on()?;
            }
            let here = left.min(self.piece.len());
            self.piece = self.piece.get(here..).unwrap_or_default();
            left -= here;
        }
        Ok(())
    }

    /// A text that begins with the number of its characters and their width.
    pub(super) fn text(&mut self) -> Read<String> {
        let (count, flags) = (self.u16()?, self.u8()?);
        self.chars(count, flags & 1 == 1)
    }

    /// A text like [`Self::text`], with a number of characters that fits into a byte.
    pub(super) fn short_text(&mut self) -> Read<String> {
        let (count, flags) = (self.u8()?, self.u8()?);
        self.chars(u16::from(count), flags & 1 == 1)
    }

    /// A text of those that the cells share, without its formats and phonetics.
    pub(super) fn shared_text(&mut self) -> Read<String> {
        let (count, flags) = (self.u16()?, self.u8()?);
        let runs = if flags & 8 == 8 { usize::from(self.u16()?) } else { 0 };
        let phonetics = if flags & 4 == 4 { self.u32()? } else { 0 };
        let text = self.chars(count, flags & 1 == 1)?;
        self.skip(runs * 4)?;
        self.skip(usize::try_from(phonetics).map_err(|_| CUT)?)?;
        Ok(text)
    }

    /// Characters, one or two bytes wide. Where a record is continued, the width is stored again.
    fn chars(&mut self, count: u16, is_wide: bool) -> Read<String> {
        let (mut left, mut is_wide) = (usize::from(count), is_wide);
        let mut units: Vec<u16> = Vec::new();
        while left > 0 {
            if self.piece.is_empty() {
                self.go_on()?;
                is_wide = self.u8()? & 1 == 1;
            }
            let width = if is_wide { 2 } else { 1 };
            let here = left.min(self.piece.len() / width);
            if here == 0 {
                return Err(CUT);
            }
            let (bytes, rest) = self.piece.split_at_checked(here * width).ok_or(CUT)?;
            if is_wide {
                let (pairs, _) = bytes.as_chunks::<2>();
                units.extend(pairs.iter().map(|pair| u16::from_le_bytes(*pair)));
            } else {
                units.extend(bytes.iter().map(|byte| u16::from(*byte)));
            }
            self.piece = rest;
            left -= here;
        }
        String::from_utf16(&units).map_err(|_| "a text holds half of a character")
    }

    fn go_on(&mut self) -> Read<()> {
        match split(self.rest) {
            Some((CONTINUE, piece, rest)) => {
                (self.piece, self.rest) = (piece, rest);
                Ok(())
            }
            _ => Err(CUT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap();
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), data].concat()
    }

    #[test]
    fn a_text_goes_on_in_the_next_record_in_another_width() {
        let stream = [
            record(0x00FC, &[5, 0, 8, 1, 0, b'a', b'b']),
            record(CONTINUE, &[1, 0x42, 0x01]),
            record(CONTINUE, &[0, b'd', b'e', 9, 9, 9]),
            record(CONTINUE, &[9, 1, 0, 0, b'x']),
            record(0x000A, &[]),
        ]
        .concat();
        let mut records = Records::at(&stream, 0).unwrap();
        let mut data = records.next().unwrap().data;
        assert_eq!(data.shared_text(), Ok("ab\u{142}de".to_owned()));
        assert_eq!(data.text(), Ok("x".to_owned()));
        assert_eq!(data.u8(), Err(CUT));
        assert_eq!(records.next().unwrap().kind, 0x000A);
        assert!(records.next().is_err());
    }

    #[test]
    fn a_record_cut_anywhere_is_a_fault() {
        let stream = record(0x0204, &[3, 0, 1, b'a', 0, b'b', 0, b'c', 0]);
        for length in 0..stream.len() {
            assert!(Records::at(&stream[..length], 0).unwrap().next().is_err());
        }
        for length in 0..stream.len() - 4 {
            let cut = record(0x0204, &stream[4..4 + length]);
            assert!(Records::at(&cut, 0).unwrap().next().unwrap().data.text().is_err());
        }
        assert!(Records::at(&stream, stream.len() + 1).is_err());
    }

    #[test]
    fn half_of_a_pair_is_no_character() {
        let stream = record(0x0204, &[1, 0, 1, 0x00, 0xD8]);
        assert!(Records::at(&stream, 0).unwrap().next().unwrap().data.text().is_err());
    }
}
