//! One field that audiences look at, and the regular expressions that are searched together.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use crate::model::filter::{Field, Operator, PATTERNS_TOGETHER, Pattern, PatternSet};
use crate::table::index::audiences::asked::{Asked, How, texts};
use crate::table::index::audiences::mask::Mask;

/// A field that audiences look at.
#[derive(Debug)]
pub(super) struct Looked {
    pub field: Field,
    /// The conditions that are answered by its text.
    pub by_text: Mask,
    /// These, and those that are answered by comparing.
    pub cheap: Mask,
    /// The conditions that are answered by comparing.
    pub plain: Vec<usize>,
    /// The conditions that hold for a text.
    pub texts: HashMap<Box<str>, Vec<usize>, RandomState>,
    /// The audiences that search it with regular expressions.
    pub searchers: Mask,
}

impl Looked {
    /// A field without conditions, in a world of so many conditions and audiences.
    pub fn new(field: Field, conditions: usize, audiences: usize) -> Self {
        Self {
            field,
            by_text: Mask::none(conditions),
            cheap: Mask::none(conditions),
            plain: Vec::new(),
            texts: HashMap::default(),
            searchers: Mask::none(audiences),
        }
    }

    /// Adds a condition on the field.
    pub fn add(&mut self, place: usize, asked: &Asked) {
        match asked.how {
            How::ByText => {
                self.by_text.set(place);
                for text in texts(&asked.condition.op).into_iter().flatten() {
                    self.texts.entry(text.into()).or_default().push(place);
                }
            }
            How::Plainly => self.plain.push(place),
            How::ByPattern | How::BySet { .. } => {
                asked.users.iter().for_each(|user| self.searchers.set(*user));
            }
        }
        if asked.how.is_cheap() {
            self.cheap.set(place);
        }
    }
}

/// Regular expressions on one field that are searched together.
#[derive(Debug)]
pub(super) struct Together {
    pub set: PatternSet,
    /// Their conditions, by the places of the expressions in the set.
    pub conditions: Vec<usize>,
    /// The same conditions.
    pub mask: Mask,
}

impl Together {
    /// Groups the regular expressions of each field, and notes that in their conditions.
    pub fn group(conditions: &mut [Asked]) -> Vec<Self> {
        let mut by_field: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, asked) in conditions.iter().enumerate() {
            if pattern(asked).is_some_and(PatternSet::takes) {
                by_field.entry(asked.field).or_default().push(place);
            }
        }
        let mut groups = Vec::new();
        for places in by_field.values().flat_map(|places| places.chunks(PATTERNS_TOGETHER)) {
            let patterns = places.iter().filter_map(|place| conditions.get(*place)).filter_map(pattern);
            // One alone is searched faster for itself.
            let Some(set) = (places.len() > 1).then(|| PatternSet::new(patterns)).flatten() else { continue };
            let mut mask = Mask::none(conditions.len());
            for place in places {
                mask.set(*place);
                let asked = conditions.get_mut(*place);
                asked.into_iter().for_each(|asked| asked.how = How::BySet { set: groups.len() });
            }
            groups.push(Self { set, conditions: places.to_vec(), mask });
        }
        groups
    }
}

fn pattern(asked: &Asked) -> Option<&Pattern> {
    match &asked.condition.op {
        Operator::Regex(pattern) => Some(pattern),
        _ => None,
    }
}
