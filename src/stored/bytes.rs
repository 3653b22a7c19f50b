//! A byte writer and reader for the hand-written stored forms: varints, fixed integers and length-prefixed
//! slices.
//!
//! The reader never panics and allocates nothing; a truncated value is an error.

use super::DecodeError;
use crate::model::Timestamp;

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

    /// A signed number as a varint, in 1 to 10 bytes: small ones are short, also below zero.
    pub fn zigzag(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    /// A time: its microseconds in eight bytes, little-endian.
    pub fn time(&mut self, time: Timestamp) {
        self.u64(time.micros().cast_unsigned());
    }

    /// A byte that says whether there is a time, and the time.
    pub fn optional_time(&mut self, time: Option<Timestamp>) {
        self.u8(u8::from(time.is_some()));
        time.into_iter().for_each(|time| self.time(time));
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

    /// Fails if there are bytes that were not read.
    pub fn end(&self) -> Result<(), DecodeError> {
        if self.is_empty() { Ok(()) } else { Err(self.damaged("it goes on after its end")) }
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

    /// What [`Writer::zigzag`] wrote.
    pub fn zigzag(&mut self) -> Result<i64, DecodeError> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// What [`Writer::time`] wrote.
    pub fn time(&mut self) -> Result<Timestamp, DecodeError> {
        Ok(Timestamp::from_micros(self.u64()?.cast_signed()))
    }

    /// What [`Writer::optional_time`] wrote.
    pub fn optional_time(&mut self) -> Result<Option<Timestamp>, DecodeError> {
        if self.u8()? == 0 { Ok(None) } else { self.time().map(Some) }
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
        fn written_values_are_read_back(numbers: Vec<u64>, signed: i64, wide: u128, text: String) {
            let mut writer = Writer::default();
            numbers.iter().for_each(|n| writer.varint(*n));
            writer.zigzag(signed);
            writer.u128(wide);
            writer.slice(text.as_bytes());
            let mut reader = Reader::new("test", &writer.0);
            for number in &numbers {
                prop_assert_eq!(reader.varint(), Ok(*number));
            }
            prop_assert_eq!(reader.zigzag(), Ok(signed));
            prop_assert_eq!(reader.u128(), Ok(wide));
            prop_assert_eq!(reader.text(), Ok(text.as_str()));
            prop_assert!(reader.is_empty() && reader.end().is_ok());
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
