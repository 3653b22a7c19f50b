//! The names of records that callers choose, and the ids that the service assigns.

use crate::model::limits::FOREIGN_TEXT_MAX_BYTES;
use crate::model::refusal::error::Reason;
use crate::model::value::text::{Limit, checked, text_type};

text_type!(
    /// An id, code or descriptor from another system: opaque, compared byte for byte.
    ForeignText, |text| checked(Reason::FieldInvalid, Limit::Bytes(FOREIGN_TEXT_MAX_BYTES), text)
);

/// Declares the id of a kind of record: a random number.
macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl $name {
            /// Parses an id. Case makes no difference.
            pub fn parse(id: &str) -> Result<Self, $crate::model::id::IdError> {
                $crate::model::id::read_random($prefix, id).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::model::id::write_random($prefix, self.0))
            }
        }
    };
}
pub(super) use random_id;
