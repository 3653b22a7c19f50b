//! The memory of an evaluation, which the next one uses again.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::model::Effort;
use crate::model::filter::SetStates;
use crate::table::index::audiences::mask::Mask;

/// The most regular expressions whose states are kept from one member to the next, and the most sets of them:
/// 16 MiB each at worst.
const KEPT_REGEXES: usize = 64;

/// The memory of an evaluation.
#[derive(Debug)]
pub struct Scratch {
    pub sides: [Known; 2],
    /// The audiences to evaluate.
    pub touched: Mask,
    /// The fields that differ between the two sides.
    pub changed: Mask,
    /// The states of regular expressions.
    pub regexes: Regexes,
    /// The effort of all other conditions.
    pub effort: Effort,
}

/// What is known about one side.
#[derive(Debug)]
pub struct Known {
    pub conditions: Answers,
    pub audiences: Answers,
}

/// Answers to questions, as far as they are known.
#[derive(Debug)]
pub struct Answers {
    pub is_known: Mask,
    pub is_true: Mask,
}

impl Answers {
    fn none(length: usize) -> Self {
        Self { is_known: Mask::none(length), is_true: Mask::none(length) }
    }

    pub fn get(&self, place: usize) -> Option<bool> {
        self.is_known.has(place).then(|| self.is_true.has(place))
    }

    pub fn set(&mut self, place: usize, answer: bool) {
        self.is_known.set(place);
        if answer {
            self.is_true.set(place);
        }
    }

    fn clear(&mut self) {
        self.is_known.clear();
        self.is_true.clear();
    }
}

impl Scratch {
    /// Memory for a world with so many conditions, audiences and fields.
    pub fn new(conditions: usize, audiences: usize, fields: usize) -> Self {
        let known = || Known { conditions: Answers::none(conditions), audiences: Answers::none(audiences) };
        Self {
            sides: [known(), known()],
            touched: Mask::none(audiences),
            changed: Mask::none(fields),
            regexes: Regexes::default(),
            effort: Effort::default(),
        }
    }

    pub fn clear(&mut self) {
        for known in &mut self.sides {
            known.conditions.clear();
            known.audiences.clear();
        }
        self.touched.clear();
        self.changed.clear();
    }
}

/// The states of regular expressions: by the places of their conditions, and of their sets.
#[derive(Debug, Default)]
pub struct Regexes {
    alone: HashMap<usize, Effort, RandomState>,
    together: HashMap<usize, SetStates, RandomState>,
}

impl Regexes {
    /// Those of a condition that is searched for itself.
    pub fn of(&mut self, condition: usize) -> &mut Effort {
        if self.alone.len() >= KEPT_REGEXES && !self.alone.contains_key(&condition) {
            self.alone.clear();
        }
        self.alone.entry(condition).or_default()
    }

    /// Those of a set.
    pub fn of_set(&mut self, set: usize) -> &mut SetStates {
        if self.together.len() >= KEPT_REGEXES && !self.together.contains_key(&set) {
            self.together.clear();
        }
        self.together.entry(set).or_default()
    }
}
