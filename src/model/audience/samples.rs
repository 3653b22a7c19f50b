//! Audiences for tests.

use crate::model::audience::{Audience, AudienceFilter, AudienceName, AudienceState};
use crate::model::contact::email::Fold;
use crate::model::filter::{RawFilter, RawValue};
use crate::model::id::{AudienceNumber, BaseNumber, IdKey, Sealer};
use crate::model::value::time::Timestamp;

/// The memberbase of all samples.
pub(crate) const BASE: BaseNumber = BaseNumber(3);

/// The sealer of all samples.
pub(crate) fn sealer() -> Sealer {
    Sealer::new(IdKey(*b"0123456789abcdef"))
}

/// The id of an audience.
pub(crate) fn id(number: u32) -> String {
    sealer().audience_id(BASE, AudienceNumber(number))
}

/// `key eq value`.
pub(crate) fn condition(key: &str, value: RawValue) -> RawFilter {
    RawFilter { key: Some(key.to_owned()), eq: Some(value), ..RawFilter::default() }
}

/// The condition that a member is in an audience.
pub(crate) fn is_in(number: u32) -> RawFilter {
    condition("audience", RawValue::Text(id(number)))
}

/// A valid filter.
pub(crate) fn filter(raw: Vec<RawFilter>) -> AudienceFilter {
    AudienceFilter::parse(raw, &sealer(), BASE, Fold::NEWEST, Timestamp::MAX.date()).unwrap()
}

/// An audience that is ready and not archived.
pub(crate) fn audience(number: u32, name: &str, filter: AudienceFilter) -> Audience {
    let at = Timestamp::from_micros(0);
    Audience {
        number: AudienceNumber(number),
        name: AudienceName::parse(name).unwrap(),
        filter,
        created_at: at,
        updated_at: at,
        archived_at: None,
        revision: 1,
        state: AudienceState::Ready,
    }
}
