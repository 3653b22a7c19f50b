//! Headers of versions 1 to 3: head and settings in one value.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::form::{Header, LAST_WHOLE};
use super::settings::{index_number, read_tiers, read_types};
use crate::model::schema::{AttributeIndex, AttributeSchema, FIRST_INDEX};
use crate::model::{BaseName, BaseSettings, GuardLimits, GuardWindow, Status, StatusCounts, TierLimits};
use crate::stored::bytes::Reader;
use crate::stored::decode::{DecodeError, versioned};

const VALUE: &str = "base header";

/// Reads a header of versions 1 to 3. These do not say which commit last changed the settings, so the
/// revision of the header is used.
pub(super) fn decode(bytes: &[u8]) -> Result<Header, DecodeError> {
    let version = bytes.first().copied().unwrap_or_default();
    let mut r = Reader::new(VALUE, versioned(VALUE, LAST_WHOLE, bytes)?);
    let name = BaseName::from_stored(r.text()?.to_owned());
    let new_members = Status::from_index(r.u8()?).ok_or_else(|| r.damaged("its status is unknown"))?;
    let (share_accounts, tiers) = (r.u8()? != 0, read_tiers(&mut r)?);
    let counts = StatusCounts { invited: r.varint()?, active: r.varint()?, inactive: r.varint()? };
    let (revision, next_row) = (r.varint()?, r.varint()?);
    let (created_at, updated_at) = (r.time()?, r.time()?);
    let committed_at = r.time()?;
    let deleted_at = r.optional_time()?;
    let has_schema = version > 1 && r.u8()? != 0;
    let schema = if has_schema { Some(Arc::new(schema(&mut r, version > 2)?)) } else { None };
    let (new_members, guard_limits) = (Some(new_members), GuardLimits::default());
    let tier_limits = TierLimits::default();
    let settings = BaseSettings { name, new_members, share_accounts, tiers, guard_limits, tier_limits };
    Ok(Header {
        settings,
        schema,
        counts,
        revision,
        next_row,
        created_at,
        updated_at,
        deleted_at,
        committed_at,
        settings_revision: revision,
        window: GuardWindow::default(),
        is_purging: false,
        nonce: 0,
        whole: Some(Bytes::copy_from_slice(bytes)),
    })
}

/// Reads a schema. The numbers of its indexes had eight bits.
fn schema(r: &mut Reader<'_>, has_indexes: bool) -> Result<AttributeSchema, DecodeError> {
    let (created_at, updated_at) = (r.time()?, r.time()?);
    let types = read_types(r)?;
    let mut schema =
        AttributeSchema { types, indexes: BTreeMap::new(), last_index: None, created_at, updated_at };
    if has_indexes {
        let last = u64::from(r.u8()?);
        schema.last_index = if last < u64::from(FIRST_INDEX.0) { None } else { Some(index_number(last, r)?) };
        for _ in 0..r.size()? {
            let key = r.text()?.to_owned();
            let number = u64::from(r.u8()?);
            let number = index_number(number, r)?;
            schema.indexes.insert(key, AttributeIndex { number, since: r.varint()? });
        }
    }
    Ok(schema)
}

/// The value of version 3 that an older program wrote for `header`.
#[cfg(test)]
pub(super) fn encode(header: &Header) -> Vec<u8> {
    use crate::stored::bytes::Writer;

    let mut w = Writer::default();
    let byte = |number: u64| u8::try_from(number).unwrap();
    w.u8(LAST_WHOLE);
    w.slice(header.settings.name.as_str().as_bytes());
    w.u8(header.settings.new_members.unwrap_or(Status::Active).index());
    w.u8(u8::from(header.settings.share_accounts));
    w.varint(header.settings.tiers.len() as u64);
    header.settings.tiers.iter().for_each(|tier| w.slice(tier.as_str().as_bytes()));
    let counts = header.counts;
    [counts.invited, counts.active, counts.inactive, header.revision, header.next_row]
        .into_iter()
        .for_each(|number| w.varint(number));
    [header.created_at, header.updated_at, header.committed_at].into_iter().for_each(|time| w.time(time));
    w.optional_time(header.deleted_at);
    w.u8(u8::from(header.schema.is_some()));
    if let Some(schema) = &header.schema {
        [schema.created_at, schema.updated_at].into_iter().for_each(|time| w.time(time));
        w.varint(schema.types.len() as u64);
        for (key, kind) in &schema.types {
            w.slice(key.as_bytes());
            w.u8(kind.index());
        }
        w.u8(schema.last_index.map_or(byte(15), |number| byte(u64::from(number.0))));
        w.varint(schema.indexes.len() as u64);
        for (key, index) in &schema.indexes {
            w.slice(key.as_bytes());
            w.u8(byte(u64::from(index.number.0)));
            w.varint(index.since);
        }
    }
    w.0
}
