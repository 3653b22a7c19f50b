//! Why a plan waits for approval, in words, with the numbers and the rows that whoever decides needs.

use crate::model::words::{count, some};
use crate::model::{GuardKind, Hold, PlanSummary, RowError, RowTally};
use crate::table::Causes;

/// Every cause of a plan to wait. `difference` is how it differs from the plan that was approved.
pub fn why(plan: &PlanSummary, causes: &Causes, difference: Option<String>) -> String {
    // That somebody wants to see it says something only if nothing else does.
    let holds = plan.holds.iter().filter(|hold| **hold != Hold::Requested || plan.holds.len() == 1);
    let texts: Vec<String> = holds.map(|hold| text(*hold, plan, causes, difference.as_deref())).collect();
    if texts.is_empty() { difference.unwrap_or_default() } else { texts.join("; ") }
}

fn text(hold: Hold, plan: &PlanSummary, causes: &Causes, difference: Option<&str>) -> String {
    let removes = format!("it would remove {}", count(plan.counts.removed, "member"));
    match hold {
        Hold::Removals | Hold::Changes => {
            let over = causes.over.iter().filter(|over| over.kind().map(Hold::of_guard) == Some(hold));
            over.map(|over| over.of_plan()).collect::<Vec<_>>().join("; ")
        }
        Hold::UnreadableRows => {
            let whose = [
                "row that fails does not say clearly whose it is",
                "rows that fail do not say clearly whose they are",
            ];
            let (unclear, rows) = (some(plan.unreadable, whose), rows(plan.unreadable, &causes.unreadable));
            format!("{removes}, and {unclear}, perhaps of members that seem to be missing: {rows}")
        }
        Hold::HiddenRows => format!(
            "{removes}, although rows of the sheet are hidden: they were not read, and may be the members that seem \
             to be missing"
        ),
        Hold::EmptyList => format!("the list is empty, and {removes}"),
        Hold::Everybody => {
            format!("it would remove all {}", count(plan.counted.get(GuardKind::Removals), "member"))
        }
        Hold::PlanChanged => {
            difference.unwrap_or("the plan differs from the one that was approved").to_owned()
        }
        Hold::StoreRestored => "the store was restored while the job was running".to_owned(),
        Hold::Requested => "nobody has approved it yet".to_owned(),
    }
}

/// The first rows that may be anybody, and what is wrong with the field that would say who they are.
fn rows(all: u64, named: &[(u64, RowError)]) -> String {
    let mut texts: Vec<String> =
        named.iter().map(|(line, error)| format!("line {line} ({})", fault(error))).collect();
    let rest = all.saturating_sub(u64::try_from(named.len()).unwrap_or(u64::MAX));
    texts.extend((rest > 0).then(|| format!("and {rest} more")));
    texts.join(", ")
}

/// The fault of a key, if one of the keys is at fault. What other fields have may not be for everybody.
fn fault(error: &RowError) -> String {
    let keys = ["ref", "email", "worker_id"];
    match error.violations.iter().find(|fault| keys.contains(&fault.field.as_str())) {
        Some(fault) => format!("{}: {}", fault.field, fault.description),
        None => match error.violations.first().filter(|fault| !fault.field.is_empty()) {
            Some(fault) => format!("{} is at fault", fault.field),
            None => error.reason.describe().to_owned(),
        },
    }
}

/// How a plan differs from the one that was approved.
pub fn difference(before: &PlanSummary, after: &PlanSummary) -> String {
    let numbers = |plan: &PlanSummary| {
        let RowTally { created, updated, reactivated, unchanged, failed } = plan.counts.rows;
        [
            ("added", created),
            ("updated", updated),
            ("reactivated", reactivated),
            ("unchanged", unchanged),
            ("failed", failed),
            ("removed", plan.counts.removed),
        ]
    };
    let changed: Vec<String> = numbers(before)
        .into_iter()
        .zip(numbers(after))
        .filter(|(before, after)| before != after)
        .map(|((word, before), (_, after))| format!("{word} {before} before, {after} now"))
        .collect();
    if changed.is_empty() {
        return "the memberbase has changed, and the plan concerns other members now".to_owned();
    }
    format!("the memberbase has changed, and so has the plan: {}", changed.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GuardCounts, GuardLimits, GuardState, ListCounts, PlanHash, Reason};

    fn plan(holds: Vec<Hold>, removed: u64, unreadable: u64) -> PlanSummary {
        PlanSummary {
            counts: ListCounts { removed, ..ListCounts::default() },
            unreadable,
            removed_young: (0, 0),
            revisions: (1, 1),
            next_row: 1,
            counted: GuardCounts::of_removals(removed),
            of_tiers: Vec::new(),
            hash: PlanHash::default(),
            rows_hash: PlanHash::default(),
            holds,
        }
    }

    #[test]
    fn what_is_too_much_is_said_with_all_numbers() {
        let window = GuardCounts { identities: 3, ..GuardCounts::default() };
        let state = GuardState { of: 100, window, limits: GuardLimits::default(), ..GuardState::default() };
        let over = vec![state.held(GuardKind::Removals, 40), state.held(GuardKind::Identities, 9)];
        let causes = Causes { over, ..Causes::default() };
        let both = plan(vec![Hold::Removals, Hold::Changes, Hold::Requested], 40, 0);
        assert_eq!(
            why(&both, &causes, None),
            "it would remove 40 of 100 members; at most 20 are allowed within 24 hours (20 percent, or 10 if that is \
             more); it would change the identity of 9 of 100 members after 3 others within 24 hours; at most 10 are \
             allowed within 24 hours (5 percent, or 10 if that is more)"
        );
        assert_eq!(why(&plan(vec![Hold::Requested], 1, 0), &causes, None), "nobody has approved it yet");
    }

    #[test]
    fn rows_that_may_be_anybody_are_named_with_the_fault_of_their_key() {
        let fault = |field: &str, text: &str| RowError::field(Reason::FieldInvalid, field, text);
        let unreadable = vec![
            (7, fault("email", "must be an e-mail address")),
            (9, fault("dob", "1980-13-13 is no date")),
        ];
        let causes = Causes { unreadable, ..Causes::default() };
        assert_eq!(
            why(&plan(vec![Hold::UnreadableRows, Hold::Requested], 1, 3), &causes, None),
            "it would remove 1 member, and 3 rows that fail do not say clearly whose they are, perhaps of members that \
             seem to be missing: line 7 (email: must be an e-mail address), line 9 (dob is at fault), and 1 more"
        );
    }
}
