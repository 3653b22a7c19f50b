//! Plans of full lists that are made while the lists arrive.
//!
//! - A plan that was made ahead is what the job would have planned when it began: it is used only if no other
//!   job of the base began since, and for at most [`MAX_AGE`]. Otherwise the job plans its stored list again.
//! - Nothing of it is stored before its job is. A crash loses it, and then the job plans its list again too.
//! - It holds memory, so there are few: one of a base, and [`AT_ONCE`] of all bases together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{BaseNumber, Date, JobNumber, Timestamp};
use crate::table::base::handle::Base;
use crate::table::sync::ListPlan;

/// Plans that are made ahead at once.
const AT_ONCE: usize = 2;
/// How old a plan may be when its job begins, in microseconds: what others write meanwhile, it does not see.
const MAX_AGE: i64 = 60_000_000;

/// The plan of a whole list, before it is ended.
pub struct PlanAhead {
    /// Keeps the base open.
    pub base: Arc<Base>,
    /// The plan, after the last row.
    pub plan: ListPlan,
    /// What it says about rows: the values to store.
    pub results: Vec<Vec<u8>>,
    /// The rows of the list.
    pub rows: u64,
    /// Hidden rows of the sheet that were left out.
    pub hidden: u64,
    /// The date by which its rows were read.
    pub today: Date,
}

/// The plans that are made ahead, one for each base at most.
#[derive(Default)]
pub struct PlansAhead(Mutex<HashMap<BaseNumber, Slot>>);

/// The place of a plan.
struct Slot {
    number: JobNumber,
    begun: Timestamp,
    plan: Option<Box<PlanAhead>>,
    /// Whether its job is stored.
    is_kept: bool,
}

/// The right to make the plan of a job ahead. Dropping it gives up the plan, unless it is kept.
pub struct AheadTurn {
    plans: Arc<PlansAhead>,
    base: BaseNumber,
    number: JobNumber,
    is_kept: bool,
}

impl PlansAhead {
    /// Lets the plan of a job that is to be be made ahead, unless another job of its base is waiting (one of
    /// `unfinished`) or too many plans are made ahead already.
    pub fn begin(
        self: &Arc<Self>,
        base: BaseNumber,
        number: JobNumber,
        unfinished: &[(BaseNumber, JobNumber)],
        now: Timestamp,
    ) -> Option<AheadTurn> {
        let mut slots = self.slots();
        slots.retain(|_, slot| slot.is_young(now));
        let is_waiting = || unfinished.iter().any(|(other, _)| *other == base);
        if slots.len() >= AT_ONCE || slots.contains_key(&base) || is_waiting() {
            return None;
        }
        slots.insert(base, Slot { number, begun: now, plan: None, is_kept: false });
        Some(AheadTurn { plans: Arc::clone(self), base, number, is_kept: false })
    }

    /// Begins a job of a base: takes the plan of this job that was made ahead, if it can still be used. A
    /// plan of another job of the base cannot be used any more.
    pub fn take(&self, base: BaseNumber, number: JobNumber, now: Timestamp) -> Option<PlanAhead> {
        let slot = self.slots().remove(&base)?;
        let is_good = slot.number == number && slot.is_young(now);
        slot.plan.filter(|_| is_good).map(|plan| *plan)
    }

    /// Drops the plans of a base whose next job is another one.
    pub fn pass_over(&self, base: BaseNumber, number: JobNumber) {
        let mut slots = self.slots();
        if slots.get(&base).is_some_and(|slot| slot.number != number) {
            slots.remove(&base);
        }
    }

    /// Drops the plans of jobs that are not among the unfinished ones.
    pub fn tidy(&self, unfinished: &[(BaseNumber, JobNumber)]) {
        let is_wanted =
            |base: BaseNumber, slot: &Slot| !slot.is_kept || unfinished.contains(&(base, slot.number));
        self.slots().retain(|base, slot| is_wanted(*base, slot));
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<BaseNumber, Slot>> {
        // Nothing panics while it holds this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AheadTurn {
    /// Whether the plan can still be used.
    pub fn lasts(&self, now: Timestamp) -> bool {
        let slots = self.plans.slots();
        slots.get(&self.base).is_some_and(|slot| slot.number == self.number && slot.is_young(now))
    }

    /// Hands over the plan, to be used once its job begins. Does nothing if it cannot be used any more.
    pub fn ready(&self, plan: PlanAhead) {
        let mut slots = self.plans.slots();
        if let Some(slot) = slots.get_mut(&self.base).filter(|slot| slot.number == self.number) {
            slot.plan = Some(Box::new(plan));
        }
    }

    /// Keeps the plan: its job is stored.
    pub fn keep(mut self) {
        self.is_kept = true;
        if let Some(slot) = self.plans.slots().get_mut(&self.base).filter(|slot| slot.number == self.number) {
            slot.is_kept = true;
        }
    }
}

impl Drop for AheadTurn {
    fn drop(&mut self) {
        let mut slots = self.plans.slots();
        if !self.is_kept && slots.get(&self.base).is_some_and(|slot| slot.number == self.number) {
            slots.remove(&self.base);
        }
    }
}

impl Slot {
    fn is_young(&self, now: Timestamp) -> bool {
        (0..=MAX_AGE).contains(&now.micros().saturating_sub(self.begun.micros()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn few_plans_are_made_ahead_and_one_of_a_base() {
        let plans = Arc::new(PlansAhead::default());
        let begin = |base, number, unfinished: &[_]| {
            plans.begin(BaseNumber(base), JobNumber(number), unfinished, at(0))
        };
        let waiting = [(BaseNumber(1), JobNumber(3))];
        assert!(begin(1, 4, &waiting).is_none(), "a job of the base comes first");
        let first = begin(1, 4, &[]).unwrap();
        assert!(begin(1, 5, &[]).is_none());
        let second = begin(2, 6, &waiting).unwrap();
        assert!(begin(3, 7, &[]).is_none());
        drop(first);
        assert!(begin(3, 7, &[]).is_some() && second.lasts(at(0)));
    }

    #[test]
    fn a_plan_lasts_until_another_job_of_its_base_begins_or_it_is_old() {
        let plans = Arc::new(PlansAhead::default());
        let (base, number) = (BaseNumber(1), JobNumber(4));
        let turn = plans.begin(base, number, &[], at(7)).unwrap();
        plans.pass_over(BaseNumber(2), JobNumber(5));
        plans.pass_over(base, number);
        // The job is not stored yet.
        plans.tidy(&[]);
        assert!(turn.lasts(at(7 + MAX_AGE)) && !turn.lasts(at(8 + MAX_AGE)) && !turn.lasts(at(6)));
        plans.pass_over(base, JobNumber(3));
        assert!(!turn.lasts(at(7)));
        drop(turn);
        let kept = plans.begin(base, number, &[], at(9)).unwrap();
        kept.keep();
        plans.tidy(&[(base, number)]);
        assert_eq!(plans.slots().len(), 1);
        plans.tidy(&[]);
        assert!(plans.slots().is_empty());
    }
}
