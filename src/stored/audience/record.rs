//! The stored forms of an audience, and of what a base knows about their numbers.
//!
//! ```text
//! audience = 01, name text, filters, created at time, updated at time, archived at option time,
//!            revision varint, serving u8, [filters]
//! numbers  = 02, last varint, fold varint, changed varint
//! ```

use crate::model::filter::RawFilter;
use crate::model::{AudienceNumber, Timestamp};
use crate::stored::bytes::{Reader, Writer};
use crate::stored::decode::{DecodeError, versioned};
use crate::stored::filters;

const VALUE: &str = "audience";
const NUMBERS: &str = "numbers of audiences";
const VERSION: u8 = 1;
/// The version of numbers. Version 1 did not say which commit was the last that changed an audience.
const NUMBERS_VERSION: u8 = 2;

/// The record of an audience. Its number is in its key.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its name.
    pub name: String,
    /// Its filter as it was sent.
    pub filter: Vec<RawFilter>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its name, its filter or its archiving last changed.
    pub updated_at: Timestamp,
    /// When it was archived, if it is.
    pub archived_at: Option<Timestamp>,
    /// The revision of its last change.
    pub revision: u64,
    /// While the filter is evaluated for the members: the filter by which the audience is kept until then.
    pub serving: Option<Vec<RawFilter>>,
}

/// What a base knows about the numbers of its audiences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// The last number that was given to an audience.
    pub last: AudienceNumber,
    /// The rule by which addresses were folded when the filters were evaluated; 0 before the first audience.
    pub fold: u32,
    /// The last commit that changed an audience, or what is kept by hand; 0 if that is not known.
    pub changed: u64,
}

impl Record {
    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.u8(VERSION);
        w.slice(self.name.as_bytes());
        filters::write(&mut w, &self.filter);
        w.time(self.created_at);
        w.time(self.updated_at);
        w.optional_time(self.archived_at);
        w.varint(self.revision);
        w.u8(u8::from(self.serving.is_some()));
        self.serving.iter().for_each(|serving| filters::write(&mut w, serving));
        w.0
    }

    /// Reads the stored form.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
        let record = Self {
            name: r.text()?.to_owned(),
            filter: filters::read(&mut r)?,
            created_at: r.time()?,
            updated_at: r.time()?,
            archived_at: r.optional_time()?,
            revision: r.varint()?,
            serving: if r.u8()? == 0 { None } else { Some(filters::read(&mut r)?) },
        };
        r.end()?;
        Ok(record)
    }
}

impl Numbers {
    /// The stored form.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut w = Writer::default();
        w.u8(NUMBERS_VERSION);
        w.varint(u64::from(self.last.0));
        w.varint(u64::from(self.fold));
        w.varint(self.changed);
        w.0
    }

    /// Reads the stored form.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let version = bytes.first().copied().unwrap_or_default();
        let mut r = Reader::new(NUMBERS, versioned(NUMBERS, NUMBERS_VERSION, bytes)?);
        let mut number = || u32::try_from(r.varint()?).map_err(|_| r.damaged("a number is too large"));
        let (last, fold) = (AudienceNumber(number()?), number()?);
        let changed = if version == 1 { 0 } else { r.varint()? };
        r.end()?;
        Ok(Self { last, fold, changed })
    }
}
