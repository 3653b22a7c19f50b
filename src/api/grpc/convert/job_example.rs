//! Examples of plans on the wire: which fields of a member would change.

use super::outcome::{self, row_error};
use crate::api::grpc::v1;
use crate::directory::PlannedExample;
use crate::model::{BaseNumber, FieldChange, Member, Sealer, differences};

/// Examples on the wire.
pub fn examples(examples: Vec<PlannedExample>, base: BaseNumber, sealer: &Sealer) -> Vec<v1::JobExample> {
    examples.into_iter().map(|example| one(example, base, sealer)).collect()
}

fn one(example: PlannedExample, base: BaseNumber, sealer: &Sealer) -> v1::JobExample {
    let PlannedExample { outcome, line, row, before, after, error } = example;
    let key = |member: &Member| member.profile.key().map(str::to_owned);
    let holder = error.as_ref().and_then(|error| error.taken_by).map(|row| sealer.member_id(base, row));
    v1::JobExample {
        outcome: outcome.map_or(v1::Outcome::Unspecified, outcome::to_wire).into(),
        removed: outcome.is_none(),
        line: line.unwrap_or_default(),
        member_id: row.map(|row| sealer.member_id(base, row)).unwrap_or_default(),
        key: before.as_ref().or(after.as_ref()).and_then(key).unwrap_or_default(),
        changes: if outcome.is_some() { changes(before.as_ref(), after.as_ref()) } else { Vec::new() },
        error: error.map(|error| row_error(error, holder, &mut 0)),
    }
}

/// The fields that would change; none for a row that fails.
fn changes(before: Option<&Member>, after: Option<&Member>) -> Vec<v1::JobFieldChange> {
    let changes = if after.is_some() { differences(before, after) } else { Vec::new() };
    let to_wire = |FieldChange { field, before, after }| v1::JobFieldChange { field, before, after };
    changes.into_iter().map(to_wire).collect()
}
