//! One condition of the filters of all audiences.

use crate::model::filter::{Condition, Operand, Operator};

/// A condition.
#[derive(Debug)]
pub(super) struct Asked {
    pub condition: Condition,
    /// The place of its field.
    pub field: usize,
    pub how: How,
    /// The audiences that ask it, by their places.
    pub users: Vec<usize>,
    /// The audiences of whose keys it is a part, by their places.
    pub keyed: Vec<usize>,
}

/// How a condition is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// By the text of its field, together with others.
    ByText,
    /// By comparing.
    Plainly,
    /// By a regular expression that is searched for itself.
    ByPattern,
    /// By a regular expression that is searched together with others.
    BySet {
        /// The place of the set.
        set: usize,
    },
}

impl How {
    /// How a condition that is not searched together with others is answered.
    pub fn of(condition: &Condition) -> Self {
        match &condition.op {
            Operator::Regex(_) => Self::ByPattern,
            op if texts(op).is_some() => Self::ByText,
            _ => Self::Plainly,
        }
    }

    /// Whether it is answered whenever its field is looked at.
    pub fn is_cheap(self) -> bool {
        matches!(self, Self::ByText | Self::Plainly)
    }
}

/// The texts of which one must be equal; `None` for other conditions.
pub(super) fn texts(op: &Operator) -> Option<Vec<&str>> {
    let operands = match op {
        Operator::Eq(operand) => std::slice::from_ref(operand),
        Operator::In(operands) => operands,
        _ => return None,
    };
    fn text(operand: &Operand) -> Option<&str> {
        match operand {
            Operand::Text(text) => Some(text),
            _ => None,
        }
    }
    operands.iter().map(text).collect()
}
