//! What decides who is in which audience: the filters of all audiences, made for evaluating them together.
//!
//! - Every condition is there once, however many filters have it, and knows the audiences that ask it.
//! - A field is looked at once for all conditions on it that are cheap ([`Looked`]). So a write evaluates
//!   only audiences with a condition whose answer it changes.
//! - An audience that nobody can be in without fulfilling one of some conditions is looked up by these (its
//!   key, see [`Rule`]). So a new member is evaluated only for audiences of which it fulfils a key, and for
//!   those without one.
//! - An audience stands after those that it names.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;

use crate::model::filter::Field;
use crate::model::{Audience, AudienceFilter, AudienceNumber, Audiences, Fold};
use crate::table::index::audiences::asked::Asked;
use crate::table::index::audiences::looked::{Looked, Together};
use crate::table::index::audiences::making::Making;
use crate::table::index::audiences::mask::Mask;
use crate::table::index::audiences::rule::Rule;
use crate::table::index::audiences::scratch::Scratch;

/// Evaluations whose memory is kept: the lane's, and those of requests before it.
const KEPT_IDLE: usize = 3;

/// The filters of all audiences that are not archived.
#[derive(Debug)]
pub struct World {
    pub(super) audiences: Vec<Ruled>,
    places: HashMap<AudienceNumber, usize, RandomState>,
    pub(super) conditions: Vec<Asked>,
    pub(super) fields: Vec<Looked>,
    /// Regular expressions that are searched together.
    pub(super) sets: Vec<Together>,
    pub(super) fold: Fold,
    pub(super) every_field: Mask,
    pub(super) every_audience: Mask,
    /// The audiences without a key.
    pub(super) keyless: Mask,
    /// The audiences that depend on the id of a member or on the time of its commit, which only the lane
    /// knows.
    pub(super) late: Mask,
    /// These, and those on which they depend.
    pub(super) late_within: Mask,
    /// What evaluations leave for the next ones: memory, and the states of regular expressions.
    idle: Mutex<Vec<Scratch>>,
}

/// An audience.
#[derive(Debug)]
pub(super) struct Ruled {
    pub number: AudienceNumber,
    /// `None` if it matches nobody.
    pub rule: Option<Rule>,
    /// The audiences that name it, by their places.
    pub users: Vec<usize>,
}

impl World {
    /// The world of these audiences, each with the filter that `filter` returns for it.
    pub fn new<'a>(
        audiences: &'a Audiences,
        fold: Fold,
        filter: impl Fn(&'a Audience) -> &'a AudienceFilter,
    ) -> Self {
        let order: Vec<_> =
            audiences.in_order().into_iter().filter(|audience| !audience.is_archived()).collect();
        let places = order.iter().enumerate().map(|(place, audience)| (audience.number, place)).collect();
        let mut making = Making::new(places);
        let mut ruled: Vec<Ruled> = Vec::with_capacity(order.len());
        let mut named_by: Vec<Vec<usize>> = Vec::with_capacity(order.len());
        for (place, audience) in order.iter().enumerate() {
            let (rule, named) = making.audience(place, filter(audience).filter());
            for named in &named {
                let users = ruled.get_mut(*named).map(|named: &mut Ruled| &mut named.users);
                users
                    .into_iter()
                    .filter(|users| users.last() != Some(&place))
                    .for_each(|users| users.push(place));
            }
            ruled.push(Ruled { number: audience.number, rule, users: Vec::new() });
            named_by.push(named);
        }
        let Making { places, mut conditions, fields, .. } = making;
        let mut fields: Vec<Looked> =
            fields.into_iter().map(|field| Looked::new(field, conditions.len(), ruled.len())).collect();
        let sets = Together::group(&mut conditions);
        for (place, asked) in conditions.iter().enumerate() {
            fields.get_mut(asked.field).into_iter().for_each(|field| field.add(place, asked));
        }
        let mut keyless = Mask::none(ruled.len());
        for (place, ruled) in ruled.iter().enumerate() {
            let Some(rule) = &ruled.rule else { continue };
            let Some(key) = rule.key(&conditions) else {
                keyless.set(place);
                continue;
            };
            for condition in key.conditions {
                let keyed = conditions.get_mut(condition).map(|asked| &mut asked.keyed);
                keyed.into_iter().for_each(|keyed| keyed.push(place));
            }
        }
        let late = late(&ruled, &conditions, &fields);
        let mut late_within = late.clone();
        for (place, named) in named_by.iter().enumerate().rev() {
            if late_within.has(place) {
                named.iter().for_each(|named| late_within.set(*named));
            }
        }
        let (every_field, every_audience) = (Mask::all(fields.len()), Mask::all(ruled.len()));
        let idle = Mutex::new(Vec::new());
        Self {
            audiences: ruled,
            places,
            conditions,
            fields,
            sets,
            fold,
            every_field,
            every_audience,
            keyless,
            late,
            late_within,
            idle,
        }
    }

    /// Whether it has no audience.
    pub fn is_empty(&self) -> bool {
        self.audiences.is_empty()
    }

    /// A mask of these audiences.
    pub fn mask(&self, numbers: impl IntoIterator<Item = AudienceNumber>) -> Mask {
        let mut mask = Mask::none(self.audiences.len());
        numbers.into_iter().filter_map(|number| self.place(number)).for_each(|place| mask.set(place));
        mask
    }

    /// The place of an audience.
    pub(super) fn place(&self, number: AudienceNumber) -> Option<usize> {
        self.places.get(&number).copied()
    }

    /// A mask of all audiences.
    pub fn everyone(&self) -> &Mask {
        &self.every_audience
    }

    pub(super) fn take_scratch(&self) -> Scratch {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let new = || {
            let (conditions, audiences) = (self.conditions.len(), self.audiences.len());
            Scratch::new(conditions, audiences, self.fields.len())
        };
        idle.unwrap_or_else(new)
    }

    pub(super) fn put_scratch(&self, scratch: Scratch) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT_IDLE {
            idle.push(scratch);
        }
    }
}

/// The audiences that depend on what only the lane knows.
fn late(ruled: &[Ruled], conditions: &[Asked], fields: &[Looked]) -> Mask {
    let mut late = Mask::none(ruled.len());
    for asked in conditions {
        let field = fields.get(asked.field).map(|looked| &looked.field);
        if matches!(field, Some(Field::Id | Field::CreatedAt | Field::UpdatedAt)) {
            asked.users.iter().for_each(|user| late.set(*user));
        }
    }
    // Each stands after those that it names.
    for (place, ruled) in ruled.iter().enumerate() {
        if late.has(place) {
            ruled.users.iter().for_each(|user| late.set(*user));
        }
    }
    late
}
