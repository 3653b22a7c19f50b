//! Filters with places instead of conditions and audiences, and the keys by which audiences are found.
//!
//! **Nobody matches a rule without fulfilling its key**: one of some conditions, or being in an audience that
//! the rule names. So a rule need not be evaluated for a member that does not fulfil its key. A rule that
//! matches somebody who fulfils nothing, such as `ne`, has no key.

use crate::model::filter::Operator;
use crate::table::index::audiences::asked::{Asked, How, texts};

/// A filter, with places instead of conditions and audiences.
#[derive(Debug)]
pub(super) enum Rule {
    All(Vec<Rule>),
    Any(Vec<Rule>),
    /// A condition holds, or does not hold if `negated`.
    Asks {
        condition: usize,
        negated: bool,
    },
    /// The member is in one of these audiences, or in none of them if `negated`.
    IsIn {
        places: Vec<usize>,
        negated: bool,
    },
}

/// What everybody fulfils who matches a rule: one of these conditions, unless it is in an audience that the
/// rule names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    /// The conditions, by their places.
    pub conditions: Vec<usize>,
    /// A guess of how many members fulfil it, by which the best key is chosen.
    share: usize,
}

impl Rule {
    /// The key of the rule, if it has one.
    pub fn key(&self, conditions: &[Asked]) -> Option<Key> {
        match self {
            Self::Asks { negated: true, .. } | Self::IsIn { negated: true, .. } => None,
            Self::Asks { condition, .. } => {
                let share = share(conditions.get(*condition)?)?;
                Some(Key { conditions: vec![*condition], share })
            }
            Self::IsIn { places, .. } => {
                Some(Key { conditions: Vec::new(), share: places.len().saturating_mul(ASKED_AUDIENCE) })
            }
            Self::All(parts) => {
                parts.iter().filter_map(|part| part.key(conditions)).min_by_key(|key| key.share)
            }
            Self::Any(parts) => {
                let mut all = Key::default();
                for part in parts {
                    let Key { conditions, share } = part.key(conditions)?;
                    all.conditions.extend(conditions);
                    all.share = all.share.saturating_add(share);
                }
                all.conditions.sort_unstable();
                all.conditions.dedup();
                Some(all)
            }
        }
    }
}

const ASKED_AUDIENCE: usize = 40;

/// A guess of how many members fulfil a condition. Regular expressions are no keys: they are searched only if
/// nothing else has decided.
fn share(asked: &Asked) -> Option<usize> {
    match asked.how {
        How::ByPattern | How::BySet { .. } => None,
        How::ByText => Some(texts(&asked.condition.op).map_or(1, |texts| texts.len()).saturating_mul(2)),
        How::Plainly => Some(match asked.condition.op {
            Operator::Eq(_) | Operator::In(_) => 30,
            Operator::Prefix(_) => 10,
            _ => 100,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::filter::{Condition, Field, Operand};

    fn asked(op: Operator) -> Asked {
        let condition = Condition { field: Field::Tier, op };
        let how = How::of(&condition);
        Asked { condition, field: 0, how, users: Vec::new(), keyed: Vec::new() }
    }

    #[test]
    fn a_rule_has_a_key_only_if_nobody_matches_without_it() {
        let conditions = [
            asked(Operator::Eq(Operand::Text("a".to_owned()))),
            asked(Operator::Exists(true)),
            asked(Operator::Prefix("b".to_owned())),
        ];
        let asks = |condition, negated| Rule::Asks { condition, negated };
        let key = |rule: Rule| rule.key(&conditions).map(|key| key.conditions);
        assert_eq!(key(asks(0, false)), Some(vec![0]));
        assert_eq!(key(asks(0, true)), None);
        assert_eq!(key(Rule::All(Vec::new())), None);
        assert_eq!(key(Rule::Any(Vec::new())), Some(Vec::new()));
        assert_eq!(key(Rule::All(vec![asks(1, false), asks(0, true), asks(2, false)])), Some(vec![2]));
        assert_eq!(key(Rule::Any(vec![asks(2, false), asks(0, false), asks(2, false)])), Some(vec![0, 2]));
        assert_eq!(key(Rule::Any(vec![asks(2, false), asks(0, true)])), None);
        let is_in = |negated| Rule::IsIn { places: vec![7], negated };
        assert_eq!(key(is_in(false)), Some(Vec::new()));
        assert_eq!(key(is_in(true)), None);
        assert_eq!(key(Rule::Any(vec![is_in(false), asks(1, false)])), Some(vec![1]));
        assert_eq!(key(Rule::All(vec![is_in(true), is_in(false)])), Some(Vec::new()));
    }
}
