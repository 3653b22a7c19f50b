//! The audiences of a base, and what is kept by hand, as of one commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{Audience, AudienceNumber, AudienceState, Audiences, Fold};
use crate::stored::audience::Numbers;
use crate::table::index::audiences::hands::Hands;
use crate::table::index::audiences::mask::Mask;
use crate::table::index::audiences::world::World;

/// The audiences of a base, and what is kept by hand.
#[derive(Debug, Clone)]
pub struct Definitions {
    audiences: Audiences,
    /// What is kept by hand.
    pub hands: Hands,
    numbers: Numbers,
    fold: Fold,
    serving: Arc<World>,
    next: Option<Arc<Next>>,
}

/// The world after all audiences are built.
#[derive(Debug)]
pub struct Next {
    /// The world.
    pub world: Arc<World>,
    /// The audiences that are built, and those that use them: who is in the others is the same in both
    /// worlds.
    pub built: Mask,
    /// Their numbers, in order.
    pub numbers: Vec<AudienceNumber>,
    /// All audiences on which it depends who is in them.
    pub decisive: Mask,
    by_number: BTreeMap<AudienceNumber, Arc<Audience>>,
}

impl Default for Definitions {
    fn default() -> Self {
        Self::new(Audiences::default(), Hands::default(), Numbers::default(), Fold::NEWEST)
    }
}

impl Definitions {
    /// These audiences, in a store with this fold.
    pub fn new(audiences: Audiences, hands: Hands, numbers: Numbers, fold: Fold) -> Self {
        let serving = Arc::new(World::new(&audiences, fold, Audience::serving));
        let next = Next::of(&audiences, fold);
        Self { audiences, hands, numbers, fold, serving, next }
    }

    /// The audiences.
    pub fn audiences(&self) -> &Audiences {
        &self.audiences
    }

    /// What the base knows about the numbers of its audiences.
    pub fn numbers(&self) -> Numbers {
        self.numbers
    }

    /// Takes the next number for a new audience; `None` if all are used up.
    pub fn take_number(&mut self) -> Option<AudienceNumber> {
        self.numbers.last = AudienceNumber(self.numbers.last.0.checked_add(1)?);
        Some(self.numbers.last)
    }

    /// Notes the commit that changes an audience, or what is kept by hand.
    pub fn note_change(&mut self, revision: u64) {
        self.numbers.changed = revision;
    }

    /// Notes that all filters are evaluated under the fold of the store.
    pub fn note_fold(&mut self) {
        self.numbers.fold = self.fold.version();
    }

    /// The world that decides who is in the audiences now.
    pub fn serving(&self) -> &Arc<World> {
        &self.serving
    }

    /// The world that is built; `None` if none is.
    pub fn next(&self) -> Option<&Arc<Next>> {
        self.next.as_ref()
    }

    /// Puts audiences in the place of those with their numbers, or adds them.
    pub fn put(&mut self, audiences: impl IntoIterator<Item = Arc<Audience>>) {
        let mut is_other = false;
        for audience in audiences {
            let before = self.audiences.get(audience.number);
            is_other |= before.is_none_or(|before| {
                before.filter != audience.filter
                    || before.state != audience.state
                    || before.is_archived() != audience.is_archived()
            });
            self.audiences.put(audience);
        }
        if is_other {
            self.serving = Arc::new(World::new(&self.audiences, self.fold, Audience::serving));
            self.next = Next::of(&self.audiences, self.fold);
        }
    }
}

impl Next {
    fn of(audiences: &Audiences, fold: Fold) -> Option<Arc<Self>> {
        let is_built = |audience: &Audience| matches!(audience.state, AudienceState::Building { .. });
        if !audiences.in_use().any(|audience| is_built(audience)) {
            return None;
        }
        let mut built = BTreeSet::new();
        // Each stands after those that it names.
        for audience in audiences.in_order().into_iter().filter(|audience| !audience.is_archived()) {
            if is_built(audience) || audience.named().iter().any(|named| built.contains(named)) {
                built.insert(audience.number);
            }
        }
        let mut by_number: BTreeMap<AudienceNumber, Arc<Audience>> = BTreeMap::new();
        let mut open: Vec<AudienceNumber> = built.iter().copied().collect();
        while let Some(number) = open.pop() {
            let Some(audience) = audiences.get(number) else { continue };
            if by_number.insert(number, Arc::clone(audience)).is_none() {
                open.extend(audience.filter.audiences());
            }
        }
        let world = Arc::new(World::new(audiences, fold, |audience| &audience.filter));
        let (of_built, decisive) = (world.mask(built.iter().copied()), world.mask(by_number.keys().copied()));
        let numbers = built.into_iter().collect();
        Some(Arc::new(Self { world, built: of_built, numbers, decisive, by_number }))
    }

    /// Whether an audience is built, or uses one that is.
    pub fn has(&self, number: AudienceNumber) -> bool {
        self.numbers.binary_search(&number).is_ok()
    }

    /// Whether the same audiences are built in the same way, whatever other audiences there are.
    pub fn is_like(&self, other: &Self) -> bool {
        self.numbers == other.numbers
            && self.by_number.len() == other.by_number.len()
            && self.by_number.iter().all(|(number, audience)| {
                other.by_number.get(number).is_some_and(|other| other.filter == audience.filter)
            })
    }
}
