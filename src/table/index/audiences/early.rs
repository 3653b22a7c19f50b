//! Evaluates new members before the lane.
//!
//! Nearly every row of a first load creates a member, and who that member is depends on the row alone, on the
//! schema, and on the status of new members. So the request evaluates its rows while the lane plans others.
//! **The lane takes the result only if it plans with the same filters, the same schema and the same status**;
//! otherwise it evaluates the member itself. It always evaluates audiences that depend on what only it knows.

use std::sync::Arc;

use crate::model::schema::AttributeSchema;
use crate::model::{AudienceNumber, Member, Row, Status};
use crate::stored::commit::AudienceDelta;
use crate::table::index::audiences::evaluation::Sided;
use crate::table::index::audiences::evaluator::Evaluator;
use crate::table::index::audiences::hands::Hands;
use crate::table::index::audiences::mask::Mask;
use crate::table::index::audiences::world::World;

/// Evaluates new members with the filters and the schema of one moment.
#[derive(Debug)]
pub struct Early {
    evaluator: Evaluator,
    /// The audiences that it evaluates.
    within: Mask,
    assumed: Arc<Assumed>,
}

/// What was assumed about members.
#[derive(Debug)]
struct Assumed {
    world: Arc<World>,
    schema: Option<Arc<AttributeSchema>>,
}

/// The audiences that a new member enters, except those that only the lane can evaluate.
#[derive(Debug, Clone)]
pub struct Entered {
    assumed: Arc<Assumed>,
    status: Status,
    audiences: Box<[AudienceNumber]>,
}

impl Early {
    /// Evaluates with these filters and this schema.
    pub fn new(world: &Arc<World>, schema: Option<Arc<AttributeSchema>>) -> Self {
        let mut within = world.everyone().clone();
        within.remove(&world.late);
        let assumed = Arc::new(Assumed { world: Arc::clone(world), schema });
        Self { evaluator: Evaluator::new(Arc::clone(world)), within, assumed }
    }

    /// The schema that members are assumed to follow.
    pub fn schema(&self) -> Option<&AttributeSchema> {
        self.assumed.schema.as_deref()
    }

    /// The audiences that a new member enters.
    pub fn enters(&mut self, member: &Member) -> Entered {
        // Nothing is kept by hand about a row that nobody had.
        let (row, hands) = (Row(u64::MAX), Hands::default());
        let deltas = self.evaluator.changes(row, None, Some(Sided::new(member, &hands)), &self.within);
        let audiences = deltas.into_iter().map(|delta| delta.audience).collect();
        Entered { assumed: Arc::clone(&self.assumed), status: member.status, audiences }
    }
}

impl Entered {
    /// Whether it is right for a new member that was made with this schema, and is evaluated in this world.
    pub fn is_of(&self, member: &Member, world: &Arc<World>, schema: Option<&Arc<AttributeSchema>>) -> bool {
        let is_same_schema = match (&self.assumed.schema, schema) {
            (Some(assumed), Some(schema)) => Arc::ptr_eq(assumed, schema),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        is_same_schema && member.status == self.status && Arc::ptr_eq(&self.assumed.world, world)
    }

    /// The moves of the new member, of which the lane evaluates the rest.
    pub fn deltas(&self, row: Row, side: Sided<'_>, evaluator: &mut Evaluator) -> Vec<AudienceDelta> {
        let enters =
            self.audiences.iter().map(|audience| AudienceDelta { audience: *audience, enters: true });
        let mut deltas: Vec<AudienceDelta> = enters.collect();
        let world = Arc::clone(evaluator.world());
        if !world.late.is_empty() {
            evaluator.each(row, side, &world.late_within, |audience| {
                if world.place(audience).is_some_and(|place| world.late.has(place)) {
                    deltas.push(AudienceDelta { audience, enters: true });
                }
            });
            deltas.sort_unstable();
        }
        deltas
    }
}
