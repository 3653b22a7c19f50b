//! Evaluates a world for one member at a time.

use std::sync::Arc;

use crate::model::filter::{Field, MemberView, NoAudiences, Operator, Value};
use crate::model::{AudienceNumber, Hand, Member, Row};
use crate::stored::commit::AudienceDelta;
use crate::table::index::audiences::hands::Hands;
use crate::table::index::audiences::mask::Mask;
use crate::table::index::audiences::scratch::{Known, Scratch};
use crate::table::index::audiences::world::{Rule, World};

/// One side of a change: the member, and what is kept about it by hand.
#[derive(Clone, Copy)]
pub struct Sided<'a> {
    /// The member.
    pub member: &'a Member,
    /// What is kept by hand.
    pub hands: &'a Hands,
    /// What is kept in one audience instead.
    pub instead: Option<(AudienceNumber, Hand)>,
}

impl<'a> Sided<'a> {
    /// A member, with what is kept by hand.
    pub fn new(member: &'a Member, hands: &'a Hands) -> Self {
        Self { member, hands, instead: None }
    }

    fn hand(&self, audience: AudienceNumber, row: Row) -> Hand {
        match self.instead {
            Some((of, hand)) if of == audience => hand,
            Some(_) | None => self.hands.of(audience, row),
        }
    }
}

/// Evaluates a world, with memory that it keeps from one member to the next.
#[derive(Debug)]
pub struct Evaluator {
    world: Arc<World>,
    /// `None` only while it is dropped.
    scratch: Option<Scratch>,
}

impl Drop for Evaluator {
    fn drop(&mut self) {
        self.scratch.take().into_iter().for_each(|scratch| self.world.put_scratch(scratch));
    }
}

impl Evaluator {
    /// An evaluator of `world`.
    pub fn new(world: Arc<World>) -> Self {
        let scratch = Some(world.take_scratch());
        Self { world, scratch }
    }

    /// The world that it evaluates.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// The audiences that a row enters and leaves when its member becomes `after`; `None` before it exists
    /// and after it is deleted. In the order of their numbers. Only audiences of `within` are evaluated; it
    /// must have those that they name.
    pub fn changes(
        &mut self,
        row: Row,
        before: Option<Sided<'_>>,
        after: Option<Sided<'_>>,
        within: &Mask,
    ) -> Vec<AudienceDelta> {
        let Some(scratch) = &mut self.scratch else { return Vec::new() };
        scratch.clear();
        let world = &*self.world;
        match (before, after) {
            (Some(before), Some(after)) => {
                for (place, looked) in world.fields.iter().enumerate() {
                    if differs(&looked.field, before.member, after.member) {
                        scratch.changed.set(place);
                        scratch.touched.add(&looked.users);
                    }
                }
                for (number, _) in before.instead.into_iter().chain(after.instead) {
                    scratch.touched.add(&world.mask([number]));
                }
            }
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => {
                scratch.changed.add(&world.every_field);
                scratch.touched.add(&world.every_audience);
            }
        }
        scratch.touched.keep(within);
        let mut evaluation = Evaluation { world, row, sides: [before, after], scratch };
        let mut deltas = Vec::new();
        let mut next = 0;
        while let Some(place) = evaluation.scratch.touched.next(next) {
            next = place + 1;
            let [was, is] = [0, 1].map(|side| evaluation.is_in(place, side));
            let Some(ruled) = world.audiences.get(place).filter(|_| was != is) else { continue };
            deltas.push(AudienceDelta { audience: ruled.number, enters: is });
            // They stand after it, so they are still to come.
            let users = ruled.users.iter().filter(|user| within.has(**user));
            users.for_each(|user| evaluation.scratch.touched.set(*user));
        }
        deltas.sort_unstable();
        deltas
    }

    /// Calls `each` with every audience of `within` that the member is in.
    pub fn each(&mut self, row: Row, side: Sided<'_>, within: &Mask, mut each: impl FnMut(AudienceNumber)) {
        let Some(scratch) = &mut self.scratch else { return };
        scratch.clear();
        let mut evaluation = Evaluation { world: &self.world, row, sides: [None, Some(side)], scratch };
        // Both sides differ in everything.
        evaluation.scratch.changed.add(&self.world.every_field);
        let mut next = 0;
        while let Some(place) = within.next(next) {
            next = place + 1;
            if evaluation.is_in(place, 1) {
                self.world.audiences.get(place).iter().for_each(|ruled| each(ruled.number));
            }
        }
    }

    /// Whether the filter of an audience matches a member.
    pub fn is_matched(&mut self, row: Row, side: Sided<'_>, audience: AudienceNumber) -> bool {
        let mut is_matched = false;
        let side = Sided { instead: Some((audience, Hand::None)), ..side };
        let within = self.world.mask([audience]);
        self.each(row, side, &within, |_| is_matched = true);
        is_matched
    }
}

/// The evaluation of one change.
struct Evaluation<'a> {
    world: &'a World,
    row: Row,
    /// Before and after.
    sides: [Option<Sided<'a>>; 2],
    scratch: &'a mut Scratch,
}

impl Evaluation<'_> {
    /// Whether the member is in an audience on one side.
    fn is_in(&mut self, place: usize, side: usize) -> bool {
        let Some(sided) = self.sides.get(side).copied().flatten() else { return false };
        if let Some(known) = self.known(side).and_then(|known| known.audiences.get(place)) {
            return known;
        }
        let world = self.world;
        let Some(ruled) = world.audiences.get(place) else { return false };
        let is_in = match sided.hand(ruled.number, self.row) {
            Hand::None => ruled.rule.as_ref().is_some_and(|rule| self.holds(rule, side, &sided)),
            hand => hand.is_in(false),
        };
        if let Some(known) = self.scratch.sides.get_mut(side) {
            known.audiences.set(place, is_in);
        }
        is_in
    }

    fn known(&self, side: usize) -> Option<&Known> {
        self.scratch.sides.get(side)
    }

    fn holds(&mut self, rule: &Rule, side: usize, sided: &Sided<'_>) -> bool {
        match rule {
            Rule::All(parts) => parts.iter().all(|part| self.holds(part, side, sided)),
            Rule::Any(parts) => parts.iter().any(|part| self.holds(part, side, sided)),
            Rule::Asks { condition, negated } => self.asks(*condition, side, sided) != *negated,
            Rule::IsIn { places, negated } => places.iter().any(|place| self.is_in(*place, side)) != *negated,
        }
    }

    fn asks(&mut self, place: usize, side: usize, sided: &Sided<'_>) -> bool {
        if let Some(known) = self.known(side).and_then(|known| known.conditions.get(place)) {
            return known;
        }
        let world = self.world;
        let Some(asked) = world.conditions.get(place) else { return false };
        let view =
            MemberView { row: self.row, member: sided.member, fold: world.fold, audiences: &NoAudiences };
        // What a field says on both sides is asked once.
        let is_same = !self.scratch.changed.has(asked.field);
        let Scratch { sides, regexes, effort, .. } = &mut *self.scratch;
        let sides = sides.iter_mut().enumerate().filter(|(of, _)| *of == side || is_same);
        let sides = sides.map(|(_, known)| &mut known.conditions);
        if !asked.by_text {
            let effort = match &asked.condition.op {
                Operator::Regex(_) => regexes.of(place),
                _ => effort,
            };
            let answer = asked.condition.is_met(&view, effort);
            sides.for_each(|known| known.set(place, answer));
            return answer;
        }
        let Some(looked) = world.fields.get(asked.field) else { return false };
        let held: Vec<&[usize]> = match view.compared(&looked.field) {
            Some(Value::Text(text)) => looked.texts.get(&*text).map(Vec::as_slice).into_iter().collect(),
            Some(Value::List(items)) => {
                items.iter().filter_map(|item| looked.texts.get(item.as_str()).map(Vec::as_slice)).collect()
            }
            Some(_) | None => Vec::new(),
        };
        sides.for_each(|known| {
            known.is_known.add(&looked.by_text);
            held.iter().copied().flatten().for_each(|held| known.is_true.set(*held));
        });
        held.into_iter().flatten().any(|held| *held == place)
    }
}

/// Whether a field has another value after a change.
fn differs(field: &Field, before: &Member, after: &Member) -> bool {
    let (old, new) = (&before.profile, &after.profile);
    match field {
        Field::Ref => old.ref_ != new.ref_,
        Field::Email => old.email != new.email,
        Field::FirstName => old.first_name != new.first_name,
        Field::LastName => old.last_name != new.last_name,
        Field::Phone => old.phone != new.phone,
        Field::WorkerId => old.worker_id != new.worker_id,
        Field::Tier => old.tier != new.tier,
        Field::Status => before.status != after.status,
        Field::Dob => old.dob != new.dob,
        Field::Gender => old.gender != new.gender,
        Field::Role => old.role != new.role,
        Field::Company => old.company != new.company,
        Field::EnablePayroll => old.enable_payroll != new.enable_payroll,
        Field::AccountDetails => old.account_details.is_some() != new.account_details.is_some(),
        Field::CreatedAt => before.created_at != after.created_at,
        Field::UpdatedAt => before.updated_at != after.updated_at,
        Field::Attribute(key) => before.attributes.get(key) != after.attributes.get(key),
        // A member keeps its row. Audiences are no fields of members, and memberbases have no audiences.
        Field::Id | Field::Audience | Field::Name => false,
    }
}
