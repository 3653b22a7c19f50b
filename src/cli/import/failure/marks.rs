//! The marks of failed rows that are older than their members: reasons under which a row fails again until
//! the user decides.

use crate::cli::list::RowFailure;
use crate::lists::columns::Earlier;

/// The reason of a failed row that a later row has overtaken.
pub const OVERTAKEN: &str = "LATER_ROW_APPLIED";
/// The reason of a row that is not tried again because a later row may have overtaken it.
pub const MAY_BE_OVERTAKEN: &str = "LATER_ROW_POSSIBLE";

/// The failure of a row that was overtaken by the applied row of line `later`.
pub fn overtaken(later: u64, reason: &str, field: &str, message: &str) -> RowFailure {
    let message = format!(
        "the row failed ({}), and the newer row of line {later} was applied to the same member: {}",
        said(reason, message),
        decide("to overwrite the newer one")
    );
    RowFailure::new(OVERTAKEN, field, message)
}

/// The failure of a row that is not tried again because the applied row of line `later` may be for the same
/// member.
pub fn may_be_overtaken(later: u64, failure: &RowFailure) -> RowFailure {
    let message = format!(
        "the row failed ({}) and was not tried again, because the newer row of line {later} may be for the \
         same member, and the server does not report that: {}",
        said(&failure.reason, &failure.message),
        decide("to write it anyway")
    );
    RowFailure::new(MAY_BE_OVERTAKEN, failure.field.clone(), message)
}

fn said(reason: &str, message: &str) -> String {
    if message.is_empty() { reason.to_owned() } else { format!("{reason}, {message}") }
}

fn decide(to_write_it: &str) -> String {
    format!("delete this row or, {to_write_it}, replace its reason with MENDED")
}

/// Fails a row that an earlier import has marked, with the same mark.
pub fn check(earlier: Option<&Earlier>) -> Result<(), RowFailure> {
    let Some(Earlier { reason, message }) = earlier else { return Ok(()) };
    match [OVERTAKEN, MAY_BE_OVERTAKEN].into_iter().find(|mark| mark == reason) {
        Some(mark) => Err(RowFailure::new(mark, "", message.as_str())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn earlier(reason: &str, message: &str) -> Earlier {
        Earlier { reason: reason.to_owned(), message: message.to_owned() }
    }

    #[test]
    fn both_marks_fail_a_row_again_and_say_the_same() {
        let failure = RowFailure::new("EMAIL_TAKEN", "email", "belongs to another member");
        for marked in [may_be_overtaken(7, &failure), overtaken(7, "EMAIL_TAKEN", "email", &failure.message)]
        {
            assert!(
                marked.message.contains("EMAIL_TAKEN, belongs to another member")
                    && marked.message.contains("line 7")
            );
            let again = check(Some(&earlier(&marked.reason, &marked.message))).unwrap_err();
            assert_eq!((again.reason, again.message), (marked.reason, marked.message));
        }
        assert!(check(Some(&earlier("MENDED", ""))).is_ok() && check(None).is_ok());
    }
}
