//! Who enters and leaves which audience with a write.
//!
//! - **Every write of a member asks [`Keeper::changes`]** before it is noted, so nothing else needs to know
//!   which writes there are. Plans that are never written keep no audiences and ask nothing.
//! - While the lane evaluates new filters, each write of a member that it has passed is evaluated for the
//!   next world too.

use std::sync::Arc;

use crate::model::filter::Memberships;
use crate::model::schema::AttributeSchema;
use crate::model::{AudienceNumber, Hand, Member, NamedAudiences, Row};
use crate::stored::commit::AudienceDelta;
use crate::table::index::audiences::{Ahead, Definitions, Entered, Evaluator, Next, Sided};

/// The audiences of a plan.
#[derive(Debug, Default)]
pub struct Keeper {
    definitions: Arc<Definitions>,
    /// Whether this plan changed the definitions.
    is_changed: bool,
    /// `None` if there are no audiences.
    serving: Option<Evaluator>,
    next: Option<NextKept>,
}

/// The next world, as far as the lane has built it.
#[derive(Debug)]
struct NextKept {
    next: Arc<Next>,
    evaluator: Evaluator,
    /// The members of lower rows are evaluated.
    below: Row,
    ahead: Vec<Ahead>,
}

/// Who enters and leaves which audience with one write.
#[derive(Debug, Default)]
pub struct Kept {
    /// In the world that serves.
    pub now: Vec<AudienceDelta>,
    /// In the next one.
    pub next: Vec<AudienceDelta>,
}

/// The audiences that one member is in.
#[derive(Debug, Default)]
pub struct IsIn(Vec<AudienceNumber>);

impl Memberships for IsIn {
    fn is_in(&self, audience: AudienceNumber, _: Row) -> bool {
        self.0.contains(&audience)
    }
}

impl Keeper {
    /// Keeps these audiences. The lane has evaluated the next world for rows below `below`.
    pub fn new(definitions: Arc<Definitions>, below: Row) -> Self {
        let mut keeper = Self { definitions, ..Self::default() };
        keeper.begin(below);
        keeper
    }

    fn begin(&mut self, below: Row) {
        let serving = self.definitions.serving();
        self.serving = (!serving.is_empty()).then(|| Evaluator::new(Arc::clone(serving)));
        self.next = self.definitions.next().filter(|_| below > Row(0)).map(|next| NextKept {
            next: Arc::clone(next),
            evaluator: Evaluator::new(Arc::clone(&next.world)),
            below,
            ahead: Vec::new(),
        });
    }

    /// The audiences, and what is kept by hand.
    pub fn definitions(&self) -> &Arc<Definitions> {
        &self.definitions
    }

    /// The audiences, if this plan changed them.
    pub fn changed(&self) -> Option<&Arc<Definitions>> {
        self.is_changed.then_some(&self.definitions)
    }

    /// Changes the definitions.
    pub fn define(&mut self, change: impl FnOnce(&mut Definitions)) {
        change(Arc::make_mut(&mut self.definitions));
        self.is_changed = true;
        if self.serving.as_ref().is_some_and(|kept| Arc::ptr_eq(kept.world(), self.definitions.serving())) {
            return;
        }
        // What was built stays good if it belongs to the next world.
        let goes_on = |next: &NextKept| self.definitions.next().is_some_and(|new| new.continues(&next.next));
        let before = self.next.take().filter(goes_on);
        self.begin(before.as_ref().map_or(Row(0), |next| next.below));
        if let (Some(next), Some(before)) = (&mut self.next, before) {
            next.ahead = before.ahead;
        }
    }

    /// Who enters and leaves when the member at a row becomes `after`; `None` before it exists and after it
    /// is deleted.
    pub fn changes(&mut self, row: Row, before: Option<&Member>, after: Option<&Member>) -> Kept {
        let definitions = Arc::clone(&self.definitions);
        let [before, after] =
            [before, after].map(|member| member.map(|member| Sided::new(member, &definitions.hands)));
        self.changes_of(row, before, after)
    }

    /// Whom a new member joins. `entered` is what was evaluated before the lane.
    pub fn enters(
        &mut self,
        row: Row,
        member: &Member,
        schema: Option<&Arc<AttributeSchema>>,
        entered: &Entered,
    ) -> Kept {
        let definitions = Arc::clone(&self.definitions);
        let side = Sided::new(member, &definitions.hands);
        if let (Some(serving), None) = (&mut self.serving, &self.next)
            && entered.is_of(member, serving.world(), schema)
            && definitions.hands.about(row).next().is_none()
        {
            return Kept { now: entered.deltas(row, side, serving), next: Vec::new() };
        }
        self.changes_of(row, None, Some(side))
    }

    /// Who enters and leaves when something else is kept by hand about a member.
    pub fn changes_by_hand(
        &mut self,
        row: Row,
        member: &Member,
        audience: AudienceNumber,
        (before, after): (Hand, Hand),
    ) -> Kept {
        let definitions = Arc::clone(&self.definitions);
        let sided = |hand| {
            let side = Sided::new(member, &definitions.hands);
            Some(Sided { instead: Some((audience, hand)), ..side })
        };
        self.changes_of(row, sided(before), sided(after))
    }

    fn changes_of(&mut self, row: Row, before: Option<Sided<'_>>, after: Option<Sided<'_>>) -> Kept {
        let Some(serving) = &mut self.serving else { return Kept::default() };
        let world = Arc::clone(serving.world());
        let now = serving.changes(row, before, after, world.everyone());
        let next = match &mut self.next {
            Some(NextKept { next, evaluator, below, .. }) if row < *below => {
                let mut deltas = evaluator.changes(row, before, after, &next.decisive);
                deltas.retain(|delta| next.has(delta.audience));
                deltas
            }
            Some(_) | None => Vec::new(),
        };
        Kept { now, next }
    }

    /// In which of these audiences a member is, as reads see it.
    pub fn memberships(&mut self, row: Row, member: &Member, named: &NamedAudiences) -> IsIn {
        let definitions = Arc::clone(&self.definitions);
        let side = Sided::new(member, &definitions.hands);
        let mut is_in = IsIn::default();
        if let Some(serving) = &mut self.serving {
            let within = serving.world().mask(named.iter().map(|(_, audience)| audience));
            serving.each(row, side, &within, |audience| is_in.0.push(audience));
        }
        is_in
    }

    /// Whether an audience matches a member in the world that serves and in those that are to come: in all of
    /// them, and in any.
    pub fn is_matched(&mut self, row: Row, member: &Member, audience: AudienceNumber) -> (bool, bool) {
        let definitions = Arc::clone(&self.definitions);
        let side = Sided::new(member, &definitions.hands);
        let Some(serving) = &mut self.serving else { return (false, false) };
        let now = serving.is_matched(row, side, audience);
        let next = definitions.next().filter(|next| next.has(audience)).map(|next| &next.world);
        let newest = definitions.newest().filter(|_| definitions.is_pending(audience));
        let worlds = next.into_iter().chain(newest);
        let later = worlds.map(|world| Evaluator::new(Arc::clone(world)).is_matched(row, side, audience));
        later.fold((now, now), |(all, any), is_matched| (all && is_matched, any || is_matched))
    }

    /// Notes who enters and leaves in the next world with a write that was noted.
    pub fn note(&mut self, row: Row, deltas: &[AudienceDelta]) {
        let Some(next) = &mut self.next else { return };
        next.ahead.extend(deltas.iter().map(|delta| Ahead { row, delta: *delta }));
    }

    /// Takes what was noted for the next world.
    pub fn take_ahead(&mut self) -> Vec<Ahead> {
        self.next.as_mut().map(|next| std::mem::take(&mut next.ahead)).unwrap_or_default()
    }
}
