//! The fields that have sets.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::Status;
use crate::model::schema::{AttributeSchema, FIRST_INDEX, FieldNumber};

/// So many tiers have values that are shared.
const RECENT_TIERS: usize = 8;

/// A field that has sets. Its number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SetField {
    /// The status. Every member has one.
    Status,
    /// The tier. Members without a tier are in none of these sets.
    Tier,
    /// An attribute, by the number of its index. Members without a value are in none of these sets.
    Attribute(FieldNumber),
}

impl SetField {
    /// The fields that have sets in every base, in stored order.
    pub const OF_ALL_BASES: [Self; 2] = [Self::Status, Self::Tier];

    /// The stored number.
    #[must_use]
    pub const fn number(self) -> FieldNumber {
        match self {
            Self::Status => FieldNumber(0),
            Self::Tier => FieldNumber(1),
            Self::Attribute(index) => index,
        }
    }

    /// The field with this stored number.
    #[must_use]
    pub const fn from_number(number: FieldNumber) -> Option<Self> {
        match number.0 {
            0 => Some(Self::Status),
            1 => Some(Self::Tier),
            at if at >= FIRST_INDEX.0 => Some(Self::Attribute(number)),
            _ => None,
        }
    }

    /// The name of the field in filters and replies. `schema` has the keys of attributes.
    #[must_use]
    pub fn name(self, schema: Option<&AttributeSchema>) -> String {
        match self {
            Self::Status => "status".to_owned(),
            Self::Tier => "tier".to_owned(),
            Self::Attribute(number) => {
                let mut indexes = schema.into_iter().flat_map(|schema| &schema.indexes);
                let key = indexes.find(|(_, index)| index.number == number);
                key.map_or_else(|| format!("attribute {}", number.0), |(key, _)| format!("attributes.{key}"))
            }
        }
    }
}

/// The value of a tier in the sets. Most members are of few tiers, whose values are shared.
pub(in crate::table) fn tier_value(tier: &str) -> Arc<str> {
    thread_local! {
        static RECENT: RefCell<VecDeque<Arc<str>>> = const { RefCell::new(VecDeque::new()) };
    }
    RECENT.with_borrow_mut(|recent| {
        if let Some(value) = recent.iter().find(|value| ***value == *tier) {
            return Arc::clone(value);
        }
        let value: Arc<str> = Arc::from(tier);
        recent.truncate(RECENT_TIERS - 1);
        recent.push_front(Arc::clone(&value));
        value
    })
}

/// The value of a status in the sets.
pub(in crate::table) fn status_value(status: Status) -> Arc<str> {
    thread_local! {
        static VALUES: [Arc<str>; 3] =
            [Status::Invited, Status::Active, Status::Inactive].map(|status| Arc::from(status.as_str()));
    }
    VALUES.with(|[invited, active, inactive]| match status {
        Status::Invited => Arc::clone(invited),
        Status::Active => Arc::clone(active),
        Status::Inactive => Arc::clone(inactive),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_among_the_last_ones_has_one_value() {
        let first = tier_value("Gold");
        assert_eq!((&*first, &*tier_value("Silver"), &*tier_value("")), ("Gold", "Silver", ""));
        assert!(Arc::ptr_eq(&first, &tier_value("Gold")));
        let many: Vec<_> = (0..2 * RECENT_TIERS).map(|n| tier_value(&n.to_string())).collect();
        assert!(many.iter().enumerate().all(|(n, value)| **value == *n.to_string()));
        assert!(!Arc::ptr_eq(&first, &tier_value("Gold")));
        assert_eq!(tier_value("Gold"), first);
    }
}
