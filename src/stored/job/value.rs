//! A data value of a job: up to 64 KiB, compressed.
//!
//! ```text
//! value = version 1, compressed u8, length varint (of the plain bytes), bytes
//! ```

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

use crate::model::limits::JOB_VALUE_BYTES;
use crate::stored::DecodeError;
use crate::stored::bytes::{Reader, Writer};
use crate::stored::decode::versioned;

const VALUE: &str = "data of a job";
const VERSION: u8 = 1;
/// A fast level that still halves a list of members: level 1 makes a quarter of it, but takes twice the time,
/// a tenth of what the plan of a list takes.
const LEVEL: i32 = -5;
/// The most bytes of a value before compression: an incompressible value fits into the engine too.
pub const PLAIN_MAX_BYTES: usize = JOB_VALUE_BYTES - 1024;

thread_local! {
    /// Making these takes as long as compressing a value, so each thread keeps its own.
    static PACKER: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL).ok());
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
}

/// The stored form of up to [`PLAIN_MAX_BYTES`] bytes.
#[must_use]
pub fn pack(plain: &[u8]) -> Vec<u8> {
    let packed = PACKER.with_borrow_mut(|packer| packer.as_mut()?.compress(plain).ok());
    let packed = packed.filter(|packed| packed.len() < plain.len());
    let mut w = Writer(Vec::with_capacity(16 + packed.as_deref().unwrap_or(plain).len()));
    w.u8(VERSION);
    w.u8(u8::from(packed.is_some()));
    w.varint(plain.len().try_into().unwrap_or(u64::MAX));
    w.0.extend_from_slice(packed.as_deref().unwrap_or(plain));
    w.0
}

/// The plain bytes of a stored form.
pub fn unpack(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
    let is_packed = r.u8()? != 0;
    let length = r.size()?;
    if length > JOB_VALUE_BYTES {
        return Err(r.damaged("it is too long"));
    }
    if !is_packed {
        return if r.rest().len() == length {
            Ok(r.rest().to_vec())
        } else {
            Err(r.damaged("its length is wrong"))
        };
    }
    let plain = UNPACKER.with_borrow_mut(|unpacker| unpacker.as_mut()?.decompress(r.rest(), length).ok());
    let plain = plain.ok_or_else(|| r.damaged("it cannot be decompressed"))?;
    if plain.len() == length { Ok(plain) } else { Err(r.damaged("its length is wrong")) }
}
