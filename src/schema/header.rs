//! The header of a base: its settings, its counters and how far its commit log goes. Every commit rewrites it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bytes::{Reader, Writer};
use super::{SchemaError, versioned};
use crate::model::schema::{AttributeIndex, AttributeSchema, AttributeType, AttributeTypes, FIRST_INDEX};
use crate::model::{BaseName, BaseSettings, Status, StatusCounts, Tier, Timestamp};

const RECORD: &str = "base header";
/// Version 1 had no attribute schema, version 2 no indexes of attributes.
const VERSION: u8 = 3;

/// How far rows and revisions jump when a store is brought back to an earlier time: further than anything that the time
/// that is lost can have used.
pub const TIMELINE_JUMP: u64 = 1 << 32;

/// Whether a commit with number `revision` may follow one with number `before`.
#[must_use]
pub fn follows(before: u64, revision: u64) -> bool {
    [1, TIMELINE_JUMP].iter().any(|step| before.checked_add(*step) == Some(revision))
}

/// What a base is and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Name and rules.
    pub settings: BaseSettings,
    /// The attribute schema, once one was set.
    pub schema: Option<Arc<AttributeSchema>>,
    /// Exact numbers of members by status.
    pub counts: StatusCounts,
    /// The number of the last commit; 0 when there was none.
    pub revision: u64,
    /// The row that the next new member gets.
    pub next_row: u64,
    /// When the base was made.
    pub created_at: Timestamp,
    /// When its name or settings last changed.
    pub updated_at: Timestamp,
    /// When it was deleted, if it is.
    pub deleted_at: Option<Timestamp>,
    /// The time of the last commit; commit time never goes back within a base.
    pub committed_at: Timestamp,
}

impl Header {
    /// A new base without members.
    #[must_use]
    pub fn new(settings: BaseSettings, now: Timestamp) -> Self {
        Self {
            settings,
            schema: None,
            counts: StatusCounts::default(),
            revision: 0,
            next_row: 0,
            created_at: now,
            updated_at: now,
            deleted_at: None,
            committed_at: now,
        }
    }

    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer(Vec::with_capacity(96));
        w.u8(VERSION);
        w.slice(self.settings.name.as_str().as_bytes());
        w.u8(self.settings.new_members.index());
        w.u8(u8::from(self.settings.share_accounts));
        w.varint(self.settings.tiers.len().try_into().unwrap_or(u64::MAX));
        self.settings.tiers.iter().for_each(|tier| w.slice(tier.as_str().as_bytes()));
        [self.counts.invited, self.counts.active, self.counts.inactive, self.revision, self.next_row]
            .into_iter()
            .for_each(|number| w.varint(number));
        [self.created_at, self.updated_at, self.committed_at].into_iter().for_each(|time| w.u64(bits(time)));
        w.u8(u8::from(self.deleted_at.is_some()));
        if let Some(time) = self.deleted_at {
            w.u64(bits(time));
        }
        w.u8(u8::from(self.schema.is_some()));
        if let Some(schema) = &self.schema {
            [schema.created_at, schema.updated_at].into_iter().for_each(|time| w.u64(bits(time)));
            w.varint(schema.types.len().try_into().unwrap_or(u64::MAX));
            for (key, kind) in &schema.types {
                w.slice(key.as_bytes());
                w.u8(kind.index());
            }
            w.u8(schema.last_index);
            w.varint(schema.indexes.len().try_into().unwrap_or(u64::MAX));
            for (key, index) in &schema.indexes {
                w.slice(key.as_bytes());
                w.u8(index.number);
                w.varint(index.since);
            }
        }
        w.0
    }

    /// Reads the stored form.
    pub fn decode(bytes: &[u8]) -> Result<Self, SchemaError> {
        let version = bytes.first().copied().unwrap_or_default();
        let mut r = Reader::new(RECORD, versioned(RECORD, VERSION, bytes)?);
        let settings = BaseSettings {
            name: BaseName::from_stored(r.text()?.to_owned()),
            new_members: Status::from_index(r.u8()?).ok_or_else(|| r.damaged("its status is unknown"))?,
            share_accounts: r.u8()? != 0,
            tiers: tiers(&mut r)?,
        };
        let counts = StatusCounts { invited: r.varint()?, active: r.varint()?, inactive: r.varint()? };
        let (revision, next_row) = (r.varint()?, r.varint()?);
        let (created_at, updated_at, committed_at) = (time(&mut r)?, time(&mut r)?, time(&mut r)?);
        let deleted_at = if r.u8()? == 0 { None } else { Some(time(&mut r)?) };
        let schema =
            if version > 1 && r.u8()? != 0 { Some(Arc::new(schema(&mut r, version > 2)?)) } else { None };
        Ok(Self {
            settings,
            schema,
            counts,
            revision,
            next_row,
            created_at,
            updated_at,
            deleted_at,
            committed_at,
        })
    }
}

fn tiers(r: &mut Reader<'_>) -> Result<Vec<Tier>, SchemaError> {
    (0..r.size()?).map(|_| Ok(Tier::from_stored(r.text()?.to_owned()))).collect()
}

fn schema(r: &mut Reader<'_>, has_indexes: bool) -> Result<AttributeSchema, SchemaError> {
    let (created_at, updated_at) = (time(r)?, time(r)?);
    let mut types = AttributeTypes::new();
    for _ in 0..r.size()? {
        let key = r.text()?.to_owned();
        let kind = AttributeType::from_index(r.u8()?)
            .ok_or_else(|| r.damaged("an attribute has an unknown type"))?;
        types.insert(key, kind);
    }
    let mut schema = AttributeSchema {
        types,
        indexes: BTreeMap::new(),
        last_index: FIRST_INDEX - 1,
        created_at,
        updated_at,
    };
    if has_indexes {
        schema.last_index = r.u8()?;
        for _ in 0..r.size()? {
            let key = r.text()?.to_owned();
            schema.indexes.insert(key, AttributeIndex { number: r.u8()?, since: r.varint()? });
        }
    }
    Ok(schema)
}

fn bits(time: Timestamp) -> u64 {
    time.micros().cast_unsigned()
}

fn time(r: &mut Reader<'_>) -> Result<Timestamp, SchemaError> {
    Ok(Timestamp::from_micros(r.u64()?.cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            settings: BaseSettings {
                name: BaseName::parse("Staff, été").unwrap(),
                new_members: Status::Invited,
                share_accounts: true,
                tiers: vec![Tier::parse("Gold".to_owned()).unwrap()],
            },
            schema: Some(Arc::new(AttributeSchema {
                types: AttributeTypes::from([
                    ("colour".to_owned(), AttributeType::String),
                    ("since".to_owned(), AttributeType::Date),
                ]),
                indexes: BTreeMap::from([(
                    "since".to_owned(),
                    AttributeIndex { number: 18, since: 1 << 40 },
                )]),
                last_index: 20,
                created_at: Timestamp::from_micros(5),
                updated_at: Timestamp::from_micros(6),
            })),
            counts: StatusCounts { invited: 1, active: 300, inactive: 70_000 },
            revision: u64::from(u32::MAX) + 5,
            next_row: 99,
            created_at: Timestamp::from_micros(-1),
            updated_at: Timestamp::from_micros(2),
            deleted_at: Some(Timestamp::from_micros(4)),
            committed_at: Timestamp::from_micros(3),
        }
    }

    #[test]
    fn a_header_comes_back_and_every_truncation_is_refused() {
        for deleted_at in [None, Some(Timestamp::from_micros(4))] {
            let header = Header { deleted_at, ..header() };
            let bytes = header.encode();
            assert_eq!(Header::decode(&bytes), Ok(header));
            for length in 0..bytes.len() {
                assert!(Header::decode(&bytes[..length]).is_err(), "{length} bytes");
            }
        }
    }

    #[test]
    fn a_header_of_the_first_version_has_no_schema() {
        let header = Header { schema: None, ..header() };
        let mut bytes = header.encode();
        assert_eq!(bytes.pop(), Some(0));
        bytes[0] = 1;
        assert_eq!(Header::decode(&bytes), Ok(header));
    }

    #[test]
    fn a_header_of_a_newer_version_names_both_versions() {
        let mut bytes = header().encode();
        bytes[0] = 9;
        let newer = SchemaError::Newer { record: RECORD, found: 9, supported: VERSION };
        assert_eq!(Header::decode(&bytes), Err(newer));
    }
}
