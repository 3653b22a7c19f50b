//! Evaluates a world for one member at a time.

use std::sync::Arc;

use crate::model::{AudienceNumber, Hand, Row};
use crate::stored::commit::AudienceDelta;
use crate::table::index::audiences::evaluation::{Evaluation, Sided};
use crate::table::index::audiences::mask::Mask;
use crate::table::index::audiences::scratch::Scratch;
use crate::table::index::audiences::world::World;

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
        let mut evaluation = Evaluation { world, row, sides: [before, after], scratch };
        evaluation.touch();
        evaluation.scratch.touched.keep(within);
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
