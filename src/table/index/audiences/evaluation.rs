//! The evaluation of one change of a member: what holds before it, and what holds after it.

use crate::model::filter::{Field, MemberView, NoAudiences, Seen, SetStates};
use crate::model::{AudienceNumber, Effort, Fold, Hand, Member, Row};
use crate::table::index::audiences::asked::How;
use crate::table::index::audiences::hands::Hands;
use crate::table::index::audiences::looked::{Looked, Together};
use crate::table::index::audiences::mask::Mask;
use crate::table::index::audiences::rule::Rule;
use crate::table::index::audiences::scratch::{Answers, Known, Scratch};
use crate::table::index::audiences::world::World;

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

    fn view(self, row: Row, fold: Fold) -> MemberView<'a> {
        MemberView { row, member: self.member, fold, audiences: &NoAudiences }
    }
}

/// The evaluation of one change. Sides are 0 for before and 1 for after.
pub(super) struct Evaluation<'a> {
    pub world: &'a World,
    pub row: Row,
    pub sides: [Option<Sided<'a>>; 2],
    pub scratch: &'a mut Scratch,
}

impl<'a> Evaluation<'a> {
    /// Notes the audiences that the member may enter or leave, other than those that name one of them.
    pub fn touch(&mut self) {
        let world = self.world;
        match self.sides {
            [Some(before), Some(after)] => {
                for (place, looked) in world.fields.iter().enumerate() {
                    if differs(&looked.field, before.member, after.member) {
                        self.touch_field(place, looked);
                    }
                }
                let instead = before.instead.into_iter().chain(after.instead);
                let instead = instead.filter_map(|(number, _)| world.place(number));
                instead.for_each(|place| self.scratch.touched.set(place));
            }
            [None, None] => {}
            [Some(sided), None] => self.touch_all(sided, 0),
            [None, Some(sided)] => self.touch_all(sided, 1),
        }
    }

    /// For a field that differs: those who ask something that is answered otherwise now.
    fn touch_field(&mut self, place: usize, looked: &Looked) {
        self.scratch.changed.set(place);
        [0, 1].into_iter().for_each(|side| self.look(looked, side));
        let Scratch { sides: [before, after], touched, .. } = &mut *self.scratch;
        touched.add(&looked.searchers);
        let (was, is) = (&before.conditions.is_true, &after.conditions.is_true);
        was.each_difference(is, &looked.cheap, |condition| {
            let users = self.world.conditions.get(condition).map(|asked| asked.users.as_slice());
            users.into_iter().flatten().for_each(|user| touched.set(*user));
        });
    }

    /// For a member that is there on one side only: those whose key it fulfils, those that have none, and
    /// those of which something is kept about it by hand.
    fn touch_all(&mut self, sided: Sided<'_>, side: usize) {
        let world = self.world;
        self.scratch.changed.add(&world.every_field);
        world.fields.iter().for_each(|looked| self.look(looked, side));
        let Scratch { sides, touched, .. } = &mut *self.scratch;
        touched.add(&world.keyless);
        if let Some(known) = sides.get(side) {
            known.conditions.is_true.each(|condition| {
                let keyed = world.conditions.get(condition).map(|asked| asked.keyed.as_slice());
                keyed.into_iter().flatten().for_each(|keyed| touched.set(*keyed));
            });
        }
        let kept = sided.hands.about(self.row).filter_map(|number| world.place(number));
        kept.for_each(|place| touched.set(place));
    }

    /// Answers all cheap conditions on a field.
    fn look(&mut self, looked: &Looked, side: usize) {
        let Some(sided) = self.side(side) else { return };
        let view = sided.view(self.row, self.world.fold);
        let seen = view.seen(&looked.field);
        let Scratch { sides, effort, .. } = &mut *self.scratch;
        let Some(known) = sides.get_mut(side) else { return };
        let mut answers = Told { here: &mut known.conditions, there: None };
        answers.know(&looked.cheap);
        answers.texts(looked, &seen);
        for place in &looked.plain {
            let asked = self.world.conditions.get(*place);
            if asked.is_some_and(|asked| seen.fulfils(&asked.condition, effort)) {
                answers.yes(*place);
            }
        }
    }

    /// Whether the member is in an audience on one side.
    pub fn is_in(&mut self, place: usize, side: usize) -> bool {
        let Some(sided) = self.side(side) else { return false };
        if let Some(known) = self.known(side).and_then(|known| known.audiences.get(place)) {
            return known;
        }
        let world = self.world;
        let Some(ruled) = world.audiences.get(place) else { return false };
        let is_in = match sided.hand(ruled.number, self.row) {
            Hand::None => ruled.rule.as_ref().is_some_and(|rule| self.holds(rule, side)),
            hand => hand.is_in(false),
        };
        if let Some(known) = self.scratch.sides.get_mut(side) {
            known.audiences.set(place, is_in);
        }
        is_in
    }

    fn holds(&mut self, rule: &Rule, side: usize) -> bool {
        match rule {
            Rule::All(parts) => parts.iter().all(|part| self.holds(part, side)),
            Rule::Any(parts) => parts.iter().any(|part| self.holds(part, side)),
            Rule::Asks { condition, negated } => self.asks(*condition, side) != *negated,
            Rule::IsIn { places, negated } => places.iter().any(|place| self.is_in(*place, side)) != *negated,
        }
    }

    fn asks(&mut self, place: usize, side: usize) -> bool {
        if let Some(known) = self.known(side).and_then(|known| known.conditions.get(place)) {
            return known;
        }
        let world = self.world;
        let Some(asked) = world.conditions.get(place) else { return false };
        let (Some(looked), Some(sided)) = (world.fields.get(asked.field), self.side(side)) else {
            return false;
        };
        let view = sided.view(self.row, world.fold);
        let seen = view.seen(&looked.field);
        // What a field says on both sides is asked once.
        let is_same = !self.scratch.changed.has(asked.field);
        let Scratch { sides: [before, after], regexes, effort, .. } = &mut *self.scratch;
        let (here, there) = if side == 0 { (before, after) } else { (after, before) };
        let there = is_same.then_some(&mut there.conditions);
        let mut answers = Told { here: &mut here.conditions, there };
        let alone = |effort: &mut Effort| seen.fulfils(&asked.condition, effort);
        match asked.how {
            How::ByText => {
                answers.know(&looked.by_text);
                answers.texts(looked, &seen);
            }
            How::Plainly => answers.tell(place, alone(effort)),
            How::ByPattern => answers.tell(place, alone(regexes.of(place))),
            How::BySet { set } => {
                let together = world.sets.get(set);
                if !together.is_some_and(|together| answers.search(together, &seen, regexes.of_set(set))) {
                    answers.tell(place, alone(regexes.of(place)));
                }
            }
        }
        here.conditions.get(place).unwrap_or_default()
    }

    fn side(&self, side: usize) -> Option<Sided<'a>> {
        self.sides.get(side).copied().flatten()
    }

    fn known(&self, side: usize) -> Option<&Known> {
        self.scratch.sides.get(side)
    }
}

/// Takes answers for one side, and for the other one if they are the same there.
struct Told<'a> {
    here: &'a mut Answers,
    there: Option<&'a mut Answers>,
}

impl Told<'_> {
    fn each(&mut self, mut change: impl FnMut(&mut Answers)) {
        change(&mut *self.here);
        self.there.as_deref_mut().into_iter().for_each(change);
    }

    /// These conditions are fulfilled only if it is told.
    fn know(&mut self, conditions: &Mask) {
        self.each(|answers| answers.is_known.add(conditions));
    }

    /// A condition is fulfilled.
    fn yes(&mut self, condition: usize) {
        self.each(|answers| answers.is_true.set(condition));
    }

    fn tell(&mut self, condition: usize, answer: bool) {
        self.each(|answers| answers.set(condition, answer));
    }

    /// The conditions that are fulfilled by a text.
    fn texts(&mut self, looked: &Looked, seen: &Seen<'_>) {
        if looked.texts.is_empty() {
            return;
        }
        for held in seen.compared_texts().filter_map(|text| looked.texts.get(text)) {
            held.iter().for_each(|condition| self.yes(*condition));
        }
    }

    /// Searches for all expressions of a set; `false` if each must be searched for itself.
    fn search(&mut self, together: &Together, seen: &Seen<'_>, states: &mut SetStates) -> bool {
        for text in seen.stored_texts() {
            let mut found =
                |place| together.conditions.get(place).into_iter().for_each(|place| self.yes(*place));
            if !together.set.search(text, states, &mut found) {
                return false;
            }
        }
        self.know(&together.mask);
        true
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
