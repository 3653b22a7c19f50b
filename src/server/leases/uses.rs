//! Which memberbases the callers of this standby use so much that it asks for them.
//!
//! - A memberbase is asked for if its calls within [`WINDOW`] weigh [`ENOUGH`]: fewer calls cost less on the
//!   way to the active server than a lease does.
//! - After a refusal, and after a lease that did not last, it is not asked for during a pause, which doubles
//!   each time. So a memberbase that two servers are asked about stays at the active one.
//! - At most [`REMEMBERED`] memberbases are remembered.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// How long calls are counted together.
const WINDOW: Duration = Duration::from_secs(2);
/// What they have to weigh.
const ENOUGH: u32 = 200;
/// The weight of a call with a long request, such as a bulk upsert.
pub const LONG: u32 = 20;
/// The weight of a stream of rows, which may be millions: it is worth a lease by itself.
pub const STREAM: u32 = ENOUGH;
/// The first pause, and the longest.
const PAUSE: Duration = Duration::from_secs(10);
const PAUSE_MAX: Duration = Duration::from_secs(600);
/// A lease that lasted this long was worth it.
const WORTH: Duration = Duration::from_secs(60);
/// Most memberbases that are remembered.
const REMEMBERED: usize = 1_024;

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Uses(HashMap<String, Use>);

/// What is to be done with a call.
#[derive(Debug)]
pub enum Noted {
    /// It is passed on; its answer drops this.
    Passes(TaskTrackerToken),
    /// The memberbase is asked for once these calls, which were passed on, are answered.
    Enough(TaskTracker),
}

#[derive(Debug)]
struct Use {
    /// The calls that are being passed on.
    passing: TaskTracker,
    /// When the window began.
    since: Instant,
    weight: u32,
    /// When it may be asked for again.
    not_before: Option<Instant>,
    /// The last pause.
    pause: Duration,
}

impl Uses {
    /// A call about `base` that weighs this much is passed on; whether to ask for the memberbase now. `None` if
    /// there are too many memberbases.
    pub fn note(&mut self, base: &str, weight: u32, now: Instant) -> Option<Noted> {
        if self.0.len() >= REMEMBERED && !self.0.contains_key(base) {
            self.0.retain(|_, used| used.is_wanted(now));
            if self.0.len() >= REMEMBERED {
                return None;
            }
        }
        let used = self.0.entry(base.to_owned()).or_insert_with(|| Use::new(now));
        if now.duration_since(used.since) >= WINDOW {
            (used.since, used.weight) = (now, 0);
        }
        used.weight = used.weight.saturating_add(weight);
        let is_enough = used.weight >= ENOUGH && !used.is_paused(now);
        Some(if is_enough {
            Noted::Enough(used.passing.clone())
        } else {
            Noted::Passes(used.passing.token())
        })
    }

    /// What became of a memberbase that was asked for: it was not lent, or its lease lasted this long.
    pub fn ended(&mut self, base: &str, lasted: Option<Duration>, now: Instant) {
        let used = self.0.entry(base.to_owned()).or_insert_with(|| Use::new(now));
        (used.since, used.weight) = (now, 0);
        used.pause = match lasted {
            Some(lasted) if lasted >= WORTH => Duration::ZERO,
            _ => (used.pause * 2).clamp(PAUSE, PAUSE_MAX),
        };
        used.not_before = Some(now + used.pause);
    }
}

impl Use {
    fn new(now: Instant) -> Self {
        let passing = TaskTracker::new();
        Self { passing, since: now, weight: 0, not_before: None, pause: Duration::ZERO }
    }

    fn is_wanted(&self, now: Instant) -> bool {
        self.is_paused(now) || now.duration_since(self.since) < WINDOW || !self.passing.is_empty()
    }

    fn is_paused(&self, now: Instant) -> bool {
        self.not_before.is_some_and(|time| now < time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a call leads to asking for the memberbase.
    fn asks(uses: &mut Uses, base: &str, weight: u32, now: Instant) -> bool {
        matches!(uses.note(base, weight, now), Some(Noted::Enough(_)))
    }

    #[test]
    fn a_memberbase_is_asked_for_once_its_calls_weigh_enough_within_a_window() {
        let (mut uses, begun) = (Uses::default(), Instant::now());
        let at = |millis| begun + Duration::from_millis(millis);
        assert!((1..ENOUGH).all(|call| !asks(&mut uses, "a", 1, at(u64::from(call)))));
        assert!(!asks(&mut uses, "b", 1, at(300)), "each memberbase has its own calls");
        assert!(asks(&mut uses, "a", 1, at(1_999)));
        // The window is over.
        assert!(!asks(&mut uses, "a", 1, at(2_001)));
        assert!(!asks(&mut uses, "b", ENOUGH - 2, at(301)));
        assert!(asks(&mut uses, "b", 1, at(302)));
    }

    #[test]
    fn pauses_double_until_a_lease_was_worth_it() {
        let (mut uses, mut now) = (Uses::default(), Instant::now());
        assert!(asks(&mut uses, "a", ENOUGH, now));
        let mut pause = PAUSE;
        for lasted in
            [None, Some(Duration::ZERO), Some(WORTH - Duration::from_secs(1)), None, None, None, None, None]
        {
            uses.ended("a", lasted, now);
            assert!(!asks(&mut uses, "a", ENOUGH, now + pause - Duration::from_millis(1)), "{pause:?}");
            now += pause;
            assert!(asks(&mut uses, "a", ENOUGH, now));
            pause = (pause * 2).min(PAUSE_MAX);
        }
        assert_eq!(pause, PAUSE_MAX);
        uses.ended("a", Some(WORTH), now);
        assert!(asks(&mut uses, "a", ENOUGH, now));
        uses.ended("a", None, now);
        assert!(asks(&mut uses, "a", ENOUGH, now + PAUSE));
    }

    #[test]
    fn few_memberbases_are_remembered_and_pauses_are_kept() {
        let (mut uses, now) = (Uses::default(), Instant::now());
        for number in 0..REMEMBERED {
            assert!(!asks(&mut uses, &number.to_string(), 1, now));
        }
        uses.ended("7", None, now);
        assert!(uses.note("more", ENOUGH, now).is_none(), "there is no room");
        assert!(asks(&mut uses, "more", ENOUGH, now + WINDOW), "the others are not used any more");
        assert!(!asks(&mut uses, "7", ENOUGH, now + WINDOW), "it is still paused");
        assert_eq!(uses.0.len(), 2);
    }

    #[test]
    fn a_memberbase_whose_calls_are_on_their_way_is_remembered() {
        let (mut uses, now) = (Uses::default(), Instant::now());
        let passing = uses.note("a", 1, now);
        let Some(Noted::Passes(_token)) = passing else { panic!("{passing:?}") };
        for number in 1..REMEMBERED {
            asks(&mut uses, &number.to_string(), 1, now);
        }
        let Some(Noted::Enough(calls)) = uses.note("a", ENOUGH, now + WINDOW) else { panic!("it is enough") };
        assert_eq!(calls.len(), 1);
        assert!(uses.note("more", 1, now + WINDOW).is_some());
        assert_eq!(uses.0.len(), 2);
    }
}
