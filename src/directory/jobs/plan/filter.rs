//! The filter of a job: parsed again for each plan, and checked against the memberbase as it is then.

use crate::model::filter::Named;
use crate::model::{BaseNumber, Filter, Job, Parsed, RawFilter, Reason, Refusal, Sight};
use crate::table::{Table, TableError, View};

/// Parses a filter of a job.
pub fn parse(table: &Table, base: BaseNumber, raw: &[RawFilter]) -> Result<Parsed, TableError> {
    let today = table.now().date();
    let parsed = Filter::parse_members(raw.to_vec(), table.sealer(), base, table.fold(), today);
    parsed.map_err(TableError::Refused)
}

/// Ends a job whose filter names what the memberbase does not have, or not any more: an attribute, or an
/// audience that is not archived. So does an audience that has become personal, if the sender may not see
/// personal data.
pub fn check(job: &Job, named: &Named, view: &View<'_>) -> Result<(), TableError> {
    named.attributes.check(view.schema()).map_err(TableError::Refused)?;
    view.audiences().check_named(&named.audiences).map_err(TableError::Refused)?;
    let numbers = named.audiences.iter().map(|(_, audience)| audience).collect();
    if job.sight == Sight::WithoutPii && view.audiences().any_is_pii(&numbers) {
        return Err(TableError::Refused(Refusal::new(Reason::PermissionDenied)));
    }
    Ok(())
}
