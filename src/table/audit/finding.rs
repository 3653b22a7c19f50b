//! What an audit can find, as data: each finding names the place and the rule that does not hold.

use crate::model::BaseNumber;
use crate::table::index::damage::Damage;

/// Something that is not as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The base that it is about; none where it is about the store as a whole.
    pub base: Option<BaseNumber>,
    /// The id of that base, as clients know it; none where the keys that ids are made with are lost.
    pub base_id: Option<String>,
    /// What it is.
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
