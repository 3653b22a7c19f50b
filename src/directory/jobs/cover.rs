//! Faults of rows, as somebody without the right `pii` may see them.

use crate::model::Refusal;
use crate::model::field::ProfileField;

/// What stands in place of a fault that may have a date of birth or bank details in it.
const COVERED: &str = "cannot be used; the token may not see its value";

/// Takes the values of fields out of a refusal that its reader may not see. A column has the name that the list
/// gives it, so only columns with the name of another field keep what is said about them.
pub fn cover(refusal: &mut Refusal) {
    for violation in &mut refusal.violations {
        let field = violation.field.as_str();
        let is_shown = field.is_empty()
            || field.starts_with("attributes")
            || ["status", "id"].contains(&field)
            || ProfileField::parse(field).is_some_and(|field| match field {
                ProfileField::Dob | ProfileField::AccountDetails => false,
                ProfileField::Ref
                | ProfileField::Email
                | ProfileField::FirstName
                | ProfileField::LastName
                | ProfileField::Phone
                | ProfileField::WorkerId
                | ProfileField::Tier
                | ProfileField::Gender
                | ProfileField::Role
                | ProfileField::Company
                | ProfileField::EnablePayroll
                | ProfileField::Attributes => true,
            });
        if !is_shown {
            COVERED.clone_into(&mut violation.description);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;

    #[test]
    fn only_fields_that_everybody_may_see_keep_their_fault() {
        for (field, is_shown) in [
            ("email", true),
            ("worker_id", true),
            ("attributes.size", true),
            ("", true),
            ("dob", false),
            ("account_details.uk.sort_code", false),
            ("account_number", false),
            ("Date of Birth", false),
        ] {
            let mut refusal = Refusal::field(Reason::FieldInvalid, field, "1980-05-06 is no date");
            cover(&mut refusal);
            assert_eq!(refusal.to_string().contains("1980"), is_shown, "{field}");
        }
    }
}
