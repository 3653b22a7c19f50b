//! The audiences of a base, and what is kept by hand, as of one commit.
//!
//! **What is being built is never begun again because of another audience.** An audience that is to be built
//! waits if the next world is under way, and is in the one after it. Until then it is in the next world by
//! the filter that serves. Only if an audience that the next world depends on changes in itself, or is
//! archived, it is made anew, of all audiences that are to be built.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{Audience, AudienceFilter, AudienceNumber, AudienceState, Audiences, Fold};
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
    /// The world after all audiences are built; `None` if none is to be.
    newest: Option<Arc<World>>,
    /// The audiences that are to be built, and those that use them.
    pending: BTreeSet<AudienceNumber>,
}

/// The world after some audiences are built.
#[derive(Debug)]
pub struct Next {
    /// The world.
    pub world: Arc<World>,
    /// The audiences whose new filters decide in it. The others are in it by the filters that serve.
    pub admitted: BTreeSet<AudienceNumber>,
    /// Those audiences, and those that use them: who is in the others is the same in both worlds.
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
        let (next, newest, pending) = (None, None, BTreeSet::new());
        let mut definitions = Self { audiences, hands, numbers, fold, serving, next, newest, pending };
        definitions.look_ahead();
        definitions
    }

    /// Lets the new filters of only these audiences decide in the next world, as when it was begun (while a
    /// base opens).
    pub fn admit(&mut self, admitted: &[AudienceNumber]) {
        let mut admitted: BTreeSet<AudienceNumber> = admitted.iter().copied().collect();
        admitted.retain(|number| self.audiences.get(*number).is_some_and(is_built));
        if !admitted.is_empty() {
            self.next = Some(Arc::new(Next::of(&self.audiences, self.fold, admitted)));
        }
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

    /// The world after all audiences are built; `None` if none is to be.
    pub fn newest(&self) -> Option<&Arc<World>> {
        self.newest.as_ref()
    }

    /// Whether an audience is to be built, or uses one that is, now or after the next world.
    pub fn is_pending(&self, number: AudienceNumber) -> bool {
        self.pending.contains(&number)
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
            self.look_ahead();
        }
    }

    /// Makes the worlds that are to come.
    fn look_ahead(&mut self) {
        let (audiences, fold) = (&self.audiences, self.fold);
        let before = self.next.take();
        let all: BTreeSet<AudienceNumber> =
            audiences.iter().filter(|audience| is_built(audience)).map(|audience| audience.number).collect();
        self.pending = with_users(audiences, &all, |audience| [&audience.filter, audience.serving()]);
        self.newest = None;
        if all.is_empty() {
            return;
        }
        let goes_on = before.and_then(|before| {
            let admitted: BTreeSet<AudienceNumber> =
                before.admitted.iter().copied().filter(|number| all.contains(number)).collect();
            let next = (!admitted.is_empty()).then(|| Next::of(audiences, fold, admitted))?;
            next.continues(&before).then_some(next)
        });
        let next = Arc::new(goes_on.unwrap_or_else(|| Next::of(audiences, fold, all.clone())));
        let is_last = next.admitted == all;
        let newest = || Arc::new(World::new(audiences, fold, |audience| &audience.filter));
        self.newest = Some(if is_last { Arc::clone(&next.world) } else { newest() });
        self.next = Some(next);
    }
}

impl Next {
    /// The world in which the new filters of these audiences decide.
    fn of(audiences: &Audiences, fold: Fold, admitted: BTreeSet<AudienceNumber>) -> Self {
        let built = with_users(audiences, &admitted, |audience| [filter_in(&admitted, audience)]);
        let mut by_number: BTreeMap<AudienceNumber, Arc<Audience>> = BTreeMap::new();
        let mut open: Vec<AudienceNumber> = built.iter().copied().collect();
        while let Some(number) = open.pop() {
            let Some(audience) = audiences.get(number) else { continue };
            if by_number.insert(number, Arc::clone(audience)).is_none() {
                open.extend(filter_in(&admitted, audience).audiences());
            }
        }
        let world = Arc::new(World::new(audiences, fold, |audience| filter_in(&admitted, audience)));
        let (of_built, decisive) = (world.mask(built.iter().copied()), world.mask(by_number.keys().copied()));
        let numbers = built.into_iter().collect();
        Self { world, admitted, built: of_built, numbers, decisive, by_number }
    }

    /// Whether an audience is built, or uses one that is.
    pub fn has(&self, number: AudienceNumber) -> bool {
        self.numbers.binary_search(&number).is_ok()
    }

    /// Whether what was built of `before` is also of this world: it has no other audiences, and who is in
    /// each of its own is decided in the same way.
    pub fn continues(&self, before: &Self) -> bool {
        let is_same = |(number, audience): (&AudienceNumber, &Arc<Audience>)| {
            let known = before.by_number.get(number);
            known.is_some_and(|known| {
                filter_in(&before.admitted, known) == filter_in(&self.admitted, audience)
            })
        };
        self.numbers.iter().all(|number| before.has(*number)) && self.by_number.iter().all(is_same)
    }
}

/// Whether an audience is to be built.
fn is_built(audience: &Arc<Audience>) -> bool {
    !audience.is_archived() && matches!(audience.state, AudienceState::Building { .. })
}

/// The filter of an audience in the world in which the new filters of some decide.
fn filter_in<'a>(admitted: &BTreeSet<AudienceNumber>, audience: &'a Audience) -> &'a AudienceFilter {
    if admitted.contains(&audience.number) { &audience.filter } else { audience.serving() }
}

/// These audiences, and those that use them by the given filters.
fn with_users<'a, const N: usize>(
    audiences: &'a Audiences,
    some: &BTreeSet<AudienceNumber>,
    filters: impl Fn(&'a Audience) -> [&'a AudienceFilter; N],
) -> BTreeSet<AudienceNumber> {
    let mut all = some.clone();
    // Each stands after those that it names.
    for audience in audiences.in_order().into_iter().filter(|audience| !audience.is_archived()) {
        let mut named = filters(audience).into_iter().flat_map(AudienceFilter::audiences);
        if named.any(|named| all.contains(named)) {
            all.insert(audience.number);
        }
    }
    all
}
