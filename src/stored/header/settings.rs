//! The stored form of the settings of a base: its name, rules and attribute schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::form::{BaseState, Head, Header};
use crate::model::schema::{
    AttributeIndex, AttributeSchema, AttributeType, AttributeTypes, FIRST_INDEX, FieldNumber,
};
use crate::model::{
    BaseName, BaseSettings, GuardKind, GuardLimit, GuardLimits, Status, Tier, TierLimits, Timestamp,
};
use crate::stored::bytes::{Reader, Writer};
use crate::stored::decode::{DecodeError, versioned};

pub(super) const VALUE: &str = "base settings";

/// Version 4 had no limits of the guard, version 5 only the percentage of removals. Older versions were one
/// value with the head. Only settings with limits for single tiers are written in this version.
const VERSION: u8 = 7;
/// The first version that was a value of its own.
const FIRST: u8 = 4;
/// The first version with a percentage of removals.
const WITH_REMOVALS: u8 = 5;
/// The first version with all limits of the guard.
const WITH_LIMITS: u8 = 6;
/// The first version with limits for single tiers.
const WITH_TIERS: u8 = 7;

/// The settings of a base, with the times that are stored with them.
pub(super) struct Settings {
    /// The commit that last changed the settings.
    pub revision: u64,
    settings: BaseSettings,
    schema: Option<Arc<AttributeSchema>>,
    created_at: Timestamp,
    updated_at: Timestamp,
    deleted_at: Option<Timestamp>,
}

impl Settings {
    /// The header that consists of these settings and this head.
    pub fn with(self, head: Head) -> Header {
        Header {
            settings: self.settings,
            schema: self.schema,
            counts: head.counts,
            revision: head.revision,
            next_row: head.next_row,
            created_at: self.created_at,
            updated_at: self.updated_at,
            deleted_at: self.deleted_at,
            committed_at: head.committed_at,
            settings_revision: head.settings_revision,
            window: head.window,
            is_purging: head.state == BaseState::Purging,
            nonce: head.nonce,
            whole: None,
        }
    }
}

pub(super) fn encode(header: &Header) -> Vec<u8> {
    let version = if header.settings.tier_limits.is_empty() { WITH_LIMITS } else { WITH_TIERS };
    encode_as(header, version)
}

/// Whether `stored` is what a program wrote for these settings, in the version of `stored`.
pub(super) fn is_of(stored: &[u8], header: &Header) -> bool {
    let version = stored.first().filter(|version| (FIRST..=VERSION).contains(*version));
    version.is_some_and(|version| stored == encode_as(header, *version))
}

fn encode_as(header: &Header, version: u8) -> Vec<u8> {
    let mut w = Writer(Vec::with_capacity(96));
    let settings = &header.settings;
    w.u8(version);
    w.varint(header.settings_revision);
    w.slice(settings.name.as_str().as_bytes());
    w.u8(settings.new_members.map_or(0, |status| status.index() + 1));
    w.u8(u8::from(settings.share_accounts));
    w.varint(settings.tiers.len().try_into().unwrap_or(u64::MAX));
    settings.tiers.iter().for_each(|tier| w.slice(tier.as_str().as_bytes()));
    if version >= WITH_LIMITS {
        write_limits(&mut w, &settings.guard_limits);
        if version >= WITH_TIERS {
            write_tier_limits(&mut w, &settings.tier_limits);
        }
    } else if version >= WITH_REMOVALS {
        w.u8(settings.guard_limits.removals.percent());
    }
    [header.created_at, header.updated_at].into_iter().for_each(|time| w.time(time));
    w.optional_time(header.deleted_at);
    w.u8(u8::from(header.schema.is_some()));
    if let Some(schema) = &header.schema {
        write_schema(&mut w, schema);
    }
    w.0
}

fn write_schema(w: &mut Writer, schema: &AttributeSchema) {
    [schema.created_at, schema.updated_at].into_iter().for_each(|time| w.time(time));
    w.varint(schema.types.len().try_into().unwrap_or(u64::MAX));
    for (key, kind) in &schema.types {
        w.slice(key.as_bytes());
        w.u8(kind.index());
    }
    w.varint(schema.last_index.map_or(0, |number| u64::from(number.0)));
    w.varint(schema.indexes.len().try_into().unwrap_or(u64::MAX));
    for (key, index) in &schema.indexes {
        w.slice(key.as_bytes());
        w.varint(u64::from(index.number.0));
        w.varint(index.since);
    }
}

pub(super) fn decode(bytes: &[u8]) -> Result<Settings, DecodeError> {
    let version = bytes.first().copied().unwrap_or_default();
    let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
    let revision = r.varint()?;
    let name = BaseName::from_stored(r.text()?.to_owned());
    let new_members = match r.u8()?.checked_sub(1) {
        None => None,
        Some(index) => Some(Status::from_index(index).ok_or_else(|| r.damaged("a status is unknown"))?),
    };
    let (share_accounts, tiers) = (r.u8()? != 0, read_tiers(&mut r)?);
    let guard_limits = read_limits(&mut r, version)?;
    let tier_limits = if version >= WITH_TIERS { read_tier_limits(&mut r)? } else { TierLimits::default() };
    let (created_at, updated_at) = (r.time()?, r.time()?);
    let deleted_at = r.optional_time()?;
    let schema = if r.u8()? == 0 { None } else { Some(Arc::new(read_schema(&mut r)?)) };
    r.end()?;
    let settings = BaseSettings { name, new_members, share_accounts, tiers, guard_limits, tier_limits };
    Ok(Settings { revision, settings, schema, created_at, updated_at, deleted_at })
}

fn write_limits(w: &mut Writer, limits: &GuardLimits) {
    for kind in GuardKind::ALL {
        let limit = limits.get(kind);
        w.u8(limit.percent());
        w.varint(limit.count());
    }
}

fn read_limits(r: &mut Reader<'_>, version: u8) -> Result<GuardLimits, DecodeError> {
    let mut limits = GuardLimits::default();
    let stored = match version {
        WITH_LIMITS.. => &GuardKind::ALL[..],
        WITH_REMOVALS => &[GuardKind::Removals],
        _ => &[],
    };
    for kind in stored {
        let percent = u64::from(r.u8()?);
        let count = if version >= WITH_LIMITS { r.varint()? } else { 0 };
        *limits.get_mut(*kind) = GuardLimit::parse(percent, count)
            .map_err(|_| r.damaged("a limit of the guard is out of range"))?;
    }
    Ok(limits)
}

fn write_tier_limits(w: &mut Writer, limits: &TierLimits) {
    w.varint(limits.places().len().try_into().unwrap_or(u64::MAX));
    for place in limits.places() {
        w.u8(u8::from(place.is_some()));
        if let Some((tier, limit)) = place {
            w.slice(tier.as_str().as_bytes());
            w.u8(limit.percent());
            w.varint(limit.count());
        }
    }
}

fn read_tier_limits(r: &mut Reader<'_>) -> Result<TierLimits, DecodeError> {
    let mut places = Vec::new();
    for _ in 0..r.size()? {
        if r.u8()? == 0 {
            places.push(None);
            continue;
        }
        let tier = Tier::from_stored(r.text()?.to_owned());
        let limit = GuardLimit::parse(u64::from(r.u8()?), r.varint()?)
            .map_err(|_| r.damaged("a limit of the guard is out of range"))?;
        places.push(Some((tier, limit)));
    }
    let limits = TierLimits::from_places(places).filter(|limits| !limits.is_empty());
    limits.ok_or_else(|| r.damaged("its limits for tiers are not as they are written"))
}

pub(super) fn read_tiers(r: &mut Reader<'_>) -> Result<Vec<Tier>, DecodeError> {
    (0..r.size()?).map(|_| Ok(Tier::from_stored(r.text()?.to_owned()))).collect()
}

pub(super) fn read_types(r: &mut Reader<'_>) -> Result<AttributeTypes, DecodeError> {
    let mut types = AttributeTypes::new();
    for _ in 0..r.size()? {
        let key = r.text()?.to_owned();
        let kind = AttributeType::from_index(r.u8()?)
            .ok_or_else(|| r.damaged("an attribute has an unknown type"))?;
        types.insert(key, kind);
    }
    Ok(types)
}

fn read_schema(r: &mut Reader<'_>) -> Result<AttributeSchema, DecodeError> {
    let (created_at, updated_at) = (r.time()?, r.time()?);
    let types = read_types(r)?;
    let last_index = match r.varint()? {
        0 => None,
        number => Some(index_number(number, r)?),
    };
    let mut indexes = BTreeMap::new();
    for _ in 0..r.size()? {
        let key = r.text()?.to_owned();
        let number = r.varint()?;
        let number = index_number(number, r)?;
        indexes.insert(key, AttributeIndex { number, since: r.varint()? });
    }
    Ok(AttributeSchema { types, indexes, last_index, created_at, updated_at })
}

/// Checks the number of an index. Fields of the profile have the numbers below [`FIRST_INDEX`].
pub(super) fn index_number(number: u64, r: &Reader<'_>) -> Result<FieldNumber, DecodeError> {
    let number = u16::try_from(number).ok().map(FieldNumber).filter(|number| *number >= FIRST_INDEX);
    number.ok_or_else(|| r.damaged("the number of an index is out of range"))
}
