//! A byte writer and reader for the hand-written stored forms: varints, fixed integers and length-prefixed
//! slices.
//!
//! The reader never panics and allocates nothing; a truncated value is an error.

use super::DecodeError;

/// Appends integers and slices to a buffer.
#[derive(Debug, Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    /// An unsigned LEB128 number: 1 to 10 bytes.
    pub fn varint(&mut self, mut value: u64) {
        loop {
            let [low, ..] = value.to_le_bytes();
            value >>= 7;
            if value == 0 {
                self.0.push(low & 0x7f);
                return;
            }
            self.0.push(low | 0x80);
        }
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Sixteen bytes, little-endian.
    pub fn u128(&mut self, value: u128) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A length and that many bytes.
    pub fn slice(&mut self, bytes: &[u8]) {
        self.varint(bytes.len().try_into().unwrap_or(u64::MAX));
        self.0.extend_from_slice(bytes);
    }
}

/// Reads what [`Writer`] wrote.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    value: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`; errors say that `value` is damaged.
    #[must_use]
    pub fn new(value: &'static str, bytes: &'a [u8]) -> Self {
        Self { value, rest: bytes }
    }

    /// Whether everything was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The bytes that were not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// An error about this value.
    #[must_use]
    pub fn damaged(&self, detail: &'static str) -> DecodeError {
        DecodeError::Damaged { value: self.value, detail }
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        let (&first, rest) = self.rest.split_first().ok_or_else(|| self.damaged("it ends too early"))?;
        self.rest = rest;
        Ok(first)
    }

    /// An unsigned LEB128 number.
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                break;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.damaged("a number is too large"))
    }

    /// A varint that fits into a `usize`.
    pub fn size(&mut self) -> Result<usize, DecodeError> {
        usize::try_from(self.varint()?).map_err(|_| self.damaged("a size is too large"))
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Sixteen bytes, little-endian.
    pub fn u128(&mut self) -> Result<u128, DecodeError> {
        Ok(u128::from_le_bytes(self.array()?))
    }

    /// A length and that many bytes.
    pub fn slice(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.size()?;
        self.take(length)
    }

    /// A length and that many bytes, which must be UTF-8.
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.slice()?;
        std::str::from_utf8(bytes).map_err(|_| self.damaged("a text is not UTF-8"))
    }

    /// Exactly `length` bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) =
            self.rest.split_at_checked(length).ok_or_else(|| self.damaged("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| self.damaged("it ends too early"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(numbers: Vec<u64>, wide: u128, text: String) {
            let mut writer = Writer::default();
            numbers.iter().for_each(|n| writer.varint(*n));
            writer.u128(wide);
            writer.slice(text.as_bytes());
            let mut reader = Reader::new("test", &writer.0);
            for number in &numbers {
                prop_assert_eq!(reader.varint(), Ok(*number));
            }
            prop_assert_eq!(reader.u128(), Ok(wide));
            prop_assert_eq!(reader.text(), Ok(text.as_str()));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut reader = Reader::new("test", &bytes);
            while !reader.is_empty() && reader.varint().is_ok() && reader.slice().is_ok() {}
            prop_assert!(reader.rest().len() <= bytes.len());
        }
    }

    #[test]
    fn numbers_over_64_bits_are_refused() {
        let bytes = [0xff; 10];
        assert!(Reader::new("test", &bytes).varint().is_err());
    }
}
