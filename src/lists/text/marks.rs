//! Finds the bytes of a table that end plain text, many at a time.

/// The bytes that are looked at together.
pub const BLOCK: usize = 64;
/// Moves the lowest bits of eight bytes, read in little-endian order, into the highest byte, in their order.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// Marks delimiters, quotes and control characters. Tabs are marked too, although they may be text.
#[derive(Debug, Clone, Copy)]
pub struct Marks {
    delimiter: u8,
}

impl Marks {
    /// In a table with this delimiter.
    pub fn of(delimiter: u8) -> Self {
        Self { delimiter }
    }

    /// The places of the marked bytes, in ascending order.
    pub fn places(self, block: &[u8; BLOCK]) -> impl Iterator<Item = usize> {
        let mut left = self.bits(block);
        std::iter::from_fn(move || {
            let place = usize::try_from(left.trailing_zeros()).ok().filter(|place| *place < BLOCK)?;
            left &= left - 1;
            Some(place)
        })
    }

    /// A bit for each byte: set if it is marked.
    fn bits(self, block: &[u8; BLOCK]) -> u64 {
        let is_marked = |byte: u8| (byte == self.delimiter) | (byte == b'"') | (byte < b' ') | (byte == 0x7f);
        let mut marked = [0_u8; BLOCK];
        // The compiler does this for many bytes at once.
        marked.iter_mut().zip(block).for_each(|(marked, byte)| *marked = u8::from(is_marked(*byte)));
        let (eights, _) = marked.as_chunks::<8>();
        let gathered = eights.iter().map(|eight| u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56);
        gathered.rev().fold(0, |bits, eight| bits << 8 | eight)
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Marks};

    #[test]
    fn each_place_is_marked_by_itself_and_with_others() {
        let marked = |block: &[u8; BLOCK]| Marks::of(b';').places(block).collect::<Vec<_>>();
        assert_eq!(marked(&[b'a'; BLOCK]), [0; 0]);
        assert_eq!(marked(&[b';'; BLOCK]), (0..BLOCK).collect::<Vec<_>>());
        for place in 0..BLOCK {
            let mut block = [b'a'; BLOCK];
            block[place] = b'\n';
            assert_eq!(marked(&block), [place]);
            let mut block = [b'"'; BLOCK];
            block[place] = 0xc3;
            assert_eq!(marked(&block), (0..BLOCK).filter(|other| *other != place).collect::<Vec<_>>());
        }
    }

    #[test]
    fn every_byte_is_marked_that_may_end_plain_text() {
        for delimiter in [b',', b'\t', b'|'] {
            for byte in 0..=u8::MAX {
                let is_marked = Marks::of(delimiter).places(&[byte; BLOCK]).next().is_some();
                let control = byte < 0x20 || byte == 0x7f;
                assert_eq!(is_marked, control || byte == b'"' || byte == delimiter, "{byte}");
            }
        }
    }
}
