//! How much is changed in a memberbase, day by day.

use super::access::view;
use super::{Directory, Error};
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, Timestamp};

/// Most days of one call.
const DAYS_MAX: usize = 366;
/// The microseconds of a day. Days are those of UTC, which have no leap seconds here.
const DAY_MICROS: i64 = 24 * 3600 * 1_000_000;

/// The revisions of a memberbase by day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyActivity {
    /// The beginning of each day, oldest first, and how many revisions were made on it. The last day is today.
    pub days: Vec<(Timestamp, u64)>,
    /// When the oldest revision was made of which the changes are still kept, unless all are. Revisions that
    /// are no longer kept are in no number.
    pub kept_since: Option<Timestamp>,
}

impl Directory {
    /// How many revisions of a memberbase were made on each of the last days, at most 366.
    pub async fn daily_activity(&self, base: BaseNumber, days: usize) -> Result<DailyActivity, Error> {
        let base = self.guarded.base(AccessLevel::Read, base).await?;
        drop(view(&base, None).await?);
        let starts = days_until(self.now(), days);
        let activity = base.activity(&starts).await?;
        let days = starts.into_iter().zip(activity.commits).collect();
        Ok(DailyActivity { days, kept_since: activity.kept_since })
    }
}

/// The beginnings of the last days, oldest first, up to the day of `now`.
fn days_until(now: Timestamp, days: usize) -> Vec<Timestamp> {
    let today = now.micros().div_euclid(DAY_MICROS);
    let ago = (0_i64..).take(days.min(DAYS_MAX)).collect::<Vec<_>>().into_iter().rev();
    ago.map(|ago| Timestamp::from_micros((today - ago).saturating_mul(DAY_MICROS))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_midnight_and_end_with_today() {
        let now = Timestamp::parse("2026-03-01T00:00:00Z").unwrap();
        let texts = |days| days_until(now, days).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(texts(2), ["2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"]);
        assert_eq!(texts(0), Vec::<String>::new());
        let late = Timestamp::from_micros(now.micros() - 1);
        assert_eq!(days_until(late, 1), [Timestamp::parse("2026-02-28T00:00:00Z").unwrap()]);
        assert_eq!(days_until(now, usize::MAX).len(), DAYS_MAX);
    }
}
