//! Changes to the fields of a member.

use crate::model::attributes::attribute::AttributePatch;
use crate::model::bank::account::AccountDetails;
use crate::model::contact::email::Email;
use crate::model::contact::phone::Phone;
use crate::model::membership::member::Gender;
use crate::model::refusal::error::Reason;
use crate::model::refusal::violation::Rule;
use crate::model::row::change::Change;
use crate::model::row::field::ProfileField;
use crate::model::row::match_by::MatchBy;
use crate::model::value::text::{Name, Ref, Tier, WorkerId};
use crate::model::value::time::Date;

/// Changes to the fields of one member.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberPatch {
    /// Of the caller's key.
    pub ref_: Change<Ref>,
    /// Of the e-mail address.
    pub email: Change<Email>,
    /// Of the first name.
    pub first_name: Change<Name>,
    /// Of the last name.
    pub last_name: Change<Name>,
    /// Of the phone number.
    pub phone: Change<Phone>,
    /// Of the staff number.
    pub worker_id: Change<WorkerId>,
    /// Of the tier.
    pub tier: Change<Tier>,
    /// Of the date of birth.
    pub dob: Change<Date>,
    /// Of the gender.
    pub gender: Change<Gender>,
    /// Of the role.
    pub role: Change<Name>,
    /// Of the company.
    pub company: Change<Name>,
    /// Of the payroll flag.
    pub enable_payroll: Change<bool>,
    /// Of the bank details.
    pub account_details: Change<AccountDetails>,
    /// Of the attributes.
    pub attributes: AttributePatch,
}

impl MemberPatch {
    /// Clears the field with this name. Refuses an unknown field, one that the row also sets, and the one by
    /// which the row is matched.
    pub fn clear_named(&mut self, name: &str, match_by: Option<MatchBy>) -> Result<(), Rule> {
        let field = ProfileField::parse(name)
            .ok_or(Rule::must_be(Reason::UnknownField, "the name of a member field"))?;
        if match_by.and_then(MatchBy::field) == Some(field) {
            return Err(Rule::must_be(
                Reason::FieldConflict,
                "a field other than the one that rows are matched by",
            ));
        }
        if !self.is_keep(field) {
            return Err(Rule::must_be(Reason::FieldConflict, "a field that the row does not also set"));
        }
        self.clear(field);
        Ok(())
    }

    /// Clears a field.
    pub fn clear(&mut self, field: ProfileField) {
        match field {
            ProfileField::Ref => self.ref_ = Change::Clear,
            ProfileField::Email => self.email = Change::Clear,
            ProfileField::FirstName => self.first_name = Change::Clear,
            ProfileField::LastName => self.last_name = Change::Clear,
            ProfileField::Phone => self.phone = Change::Clear,
            ProfileField::WorkerId => self.worker_id = Change::Clear,
            ProfileField::Tier => self.tier = Change::Clear,
            ProfileField::Dob => self.dob = Change::Clear,
            ProfileField::Gender => self.gender = Change::Clear,
            ProfileField::Role => self.role = Change::Clear,
            ProfileField::Company => self.company = Change::Clear,
            ProfileField::EnablePayroll => self.enable_payroll = Change::Clear,
            ProfileField::AccountDetails => self.account_details = Change::Clear,
            ProfileField::Attributes => self.attributes.replace_all = true,
        }
    }

    /// Removes the change of a field.
    pub fn keep(&mut self, field: ProfileField) {
        match field {
            ProfileField::Ref => self.ref_ = Change::Keep,
            ProfileField::Email => self.email = Change::Keep,
            ProfileField::FirstName => self.first_name = Change::Keep,
            ProfileField::LastName => self.last_name = Change::Keep,
            ProfileField::Phone => self.phone = Change::Keep,
            ProfileField::WorkerId => self.worker_id = Change::Keep,
            ProfileField::Tier => self.tier = Change::Keep,
            ProfileField::Dob => self.dob = Change::Keep,
            ProfileField::Gender => self.gender = Change::Keep,
            ProfileField::Role => self.role = Change::Keep,
            ProfileField::Company => self.company = Change::Keep,
            ProfileField::EnablePayroll => self.enable_payroll = Change::Keep,
            ProfileField::AccountDetails => self.account_details = Change::Keep,
            ProfileField::Attributes => self.attributes = AttributePatch::default(),
        }
    }

    /// Whether the patch does not change a field.
    pub fn is_keep(&self, field: ProfileField) -> bool {
        match field {
            ProfileField::Ref => self.ref_.is_keep(),
            ProfileField::Email => self.email.is_keep(),
            ProfileField::FirstName => self.first_name.is_keep(),
            ProfileField::LastName => self.last_name.is_keep(),
            ProfileField::Phone => self.phone.is_keep(),
            ProfileField::WorkerId => self.worker_id.is_keep(),
            ProfileField::Tier => self.tier.is_keep(),
            ProfileField::Dob => self.dob.is_keep(),
            ProfileField::Gender => self.gender.is_keep(),
            ProfileField::Role => self.role.is_keep(),
            ProfileField::Company => self.company.is_keep(),
            ProfileField::EnablePayroll => self.enable_payroll.is_keep(),
            ProfileField::AccountDetails => self.account_details.is_keep(),
            ProfileField::Attributes => self.attributes.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::text::Tier;

    #[test]
    fn every_field_has_a_name_of_its_own() {
        for field in ProfileField::ALL {
            assert_eq!(ProfileField::parse(field.as_str()), Some(field));
        }
        assert_eq!(ProfileField::parse("Ref"), None);
        assert_eq!(ProfileField::parse("id"), None);
    }

    #[test]
    fn clearing_a_field_touches_no_other() {
        for field in ProfileField::ALL {
            let mut patch = MemberPatch::default();
            patch.clear(field);
            for other in ProfileField::ALL {
                assert_eq!(patch.is_keep(other), other != field, "{field:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_field_cannot_be_cleared_and_set_nor_be_the_key() {
        let tier = Change::Set(Tier::parse("Gold").unwrap());
        let mut patch = MemberPatch { tier, ..MemberPatch::default() };
        let reason =
            |patch: &mut MemberPatch, name| patch.clear_named(name, Some(MatchBy::Ref)).unwrap_err().reason();
        assert_eq!(reason(&mut patch, "tier"), Reason::FieldConflict);
        assert_eq!(reason(&mut patch, "ref"), Reason::FieldConflict);
        assert_eq!(reason(&mut patch, "shoe_size"), Reason::UnknownField);
        assert_eq!(patch.clear_named("email", Some(MatchBy::Ref)), Ok(()));
        assert_eq!(patch.clear_named("ref", Some(MatchBy::Email)), Ok(()));
        assert_eq!((&patch.email, &patch.ref_), (&Change::Clear, &Change::Clear));
    }
}
