//! Whether a plan that was shown is applied.

use std::io::{BufRead, IsTerminal};

use crate::api::grpc::v1;
use crate::cli::{Error, output};
use crate::model::Timestamp;

/// A share of the members, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(u64);

impl Share {
    /// Parses `5%`, `5` or `0.25%`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "give a share of the members from 0 to 100 percent, such as 5%".to_owned();
        let number = text.strip_suffix('%').unwrap_or(text);
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty()
            || part.len() > 2
            || !whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit())
        {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let part: u64 = format!("{part:0<2}").parse().map_err(|_| wrong())?;
        let share = whole.checked_mul(100).and_then(|whole| whole.checked_add(part)).ok_or_else(wrong)?;
        if share <= 10_000 { Ok(Self(share)) } else { Err(wrong()) }
    }

    /// Whether `part` is less than this share of `of`.
    fn is_over(self, part: u64, of: u64) -> bool {
        u128::from(part) * 10_000 < u128::from(self.0) * u128::from(of)
    }
}

/// Parses a time in the form of RFC 3339.
pub fn time(text: &str) -> Result<prost_types::Timestamp, String> {
    let time = Timestamp::parse(text).map_err(|rule| rule.describe())?;
    let (seconds, micros) = (time.micros().div_euclid(1_000_000), time.micros().rem_euclid(1_000_000));
    Ok(prost_types::Timestamp { seconds, nanos: i32::try_from(micros * 1_000).unwrap_or_default() })
}

/// Whether the plan may be applied: by the options, or by the answer of the person at the terminal. `members`
/// is the number of active and invited members.
pub fn may_apply(job: &v1::Job, yes: bool, under: Option<Share>, members: u64) -> Result<bool, Error> {
    let plan = job.plan.as_ref();
    let removed = plan.and_then(|plan| plan.counts).unwrap_or_default().removed;
    let is_limited = plan.is_some_and(|plan| plan.holds.iter().any(|hold| hold != "APPROVAL_REQUESTED"));
    if yes || under.is_some() {
        return Ok(!is_limited && under.is_none_or(|share| removed == 0 || share.is_over(removed, members)));
    }
    if !std::io::stdin().is_terminal() {
        output::note(
            "not applied: standard input is no terminal, and neither --yes nor --yes-if-under is given",
        );
        return Ok(false);
    }
    let question = if is_limited {
        format!(
            "The plan is over a limit. Type the number of members that it removes ({removed}) to apply it: "
        )
    } else {
        "Apply this plan? [y/N] ".to_owned()
    };
    output::ask(&question);
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(Error::file("read", "standard input".as_ref()))?;
    let answer = answer.trim();
    Ok(if is_limited {
        answer == removed.to_string()
    } else {
        answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage_with_up_to_two_places() {
        for (text, share) in [("5%", 500), ("5", 500), ("0.25%", 25), ("0.5", 50), ("100%", 10_000), ("0", 0)]
        {
            assert_eq!(Share::parse(text), Ok(Share(share)), "{text}");
        }
        for text in ["", "%", "-1", "101", "5,0", "1.234", ".5", "1e1", "5%%", "99999999999999999999"] {
            assert!(Share::parse(text).is_err(), "{text}");
        }
        assert!(Share(500).is_over(49, 1_000) && !Share(500).is_over(50, 1_000));
        assert!(!Share(0).is_over(0, 0));
    }

    #[test]
    fn options_decide_only_about_plans_within_the_limits() {
        let job = |removed, holds: &[&str]| v1::Job {
            plan: Some(v1::JobPlan {
                counts: Some(v1::JobCounts { removed, ..v1::JobCounts::default() }),
                holds: holds.iter().map(|hold| (*hold).to_owned()).collect(),
                ..v1::JobPlan::default()
            }),
            ..v1::Job::default()
        };
        let asked = ["APPROVAL_REQUESTED"];
        let limited = ["APPROVAL_REQUESTED", "REMOVAL_GUARD"];
        let five = Some(Share(500));
        for (job, yes, under, applies) in [
            (job(4, &asked), true, None, true),
            (job(4, &limited), true, None, false),
            (job(4, &asked), false, five, true),
            (job(5, &asked), false, five, false),
            (job(0, &asked), false, Some(Share(0)), true),
            (job(0, &limited), false, five, false),
        ] {
            assert_eq!(may_apply(&job, yes, under, 100).unwrap(), applies, "{job:?}");
        }
    }
}
