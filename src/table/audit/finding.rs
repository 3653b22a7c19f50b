//! One finding of an audit: the base, and the damage.

use crate::model::BaseNumber;
use crate::table::index::damage::Damage;

/// A stored invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The base; `None` if the damage is not in a base.
    pub base: Option<BaseNumber>,
    /// The id of that base, as clients know it; `None` if the key for making ids is lost.
    pub base_id: Option<String>,
    /// The damage.
    pub damage: Damage,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.base_id, self.base) {
            (Some(id), _) => write!(f, "memberbase {id}: {}", self.damage),
            (None, Some(base)) => write!(f, "memberbase number {}: {}", base.0, self.damage),
            (None, None) => write!(f, "{}", self.damage),
        }
    }
}
