//! Members as texts: their fields, in the order of the documentation.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::look::value;
use crate::model::{Member, ProfileField, differences};

/// The fields of a member that have a value, as texts, by their names; attributes under `attributes.KEY`.
pub type Texts = BTreeMap<String, String>;

/// The fields of a member.
pub fn texts(member: &Member) -> Texts {
    let fields = differences(None, Some(member)).into_iter();
    fields.filter_map(|field| Some((field.field, field.after?))).collect()
}

/// Every field of a profile that is one text.
pub fn fields() -> impl Iterator<Item = ProfileField> {
    ProfileField::ALL.into_iter().filter(|field| *field != ProfileField::Attributes)
}

/// What people call a field.
pub fn label(field: ProfileField) -> &'static str {
    match field {
        ProfileField::Ref => "Ref",
        ProfileField::Email => "E-mail",
        ProfileField::FirstName => "First name",
        ProfileField::LastName => "Last name",
        ProfileField::Phone => "Phone",
        ProfileField::WorkerId => "Worker id",
        ProfileField::Tier => "Tier",
        ProfileField::Dob => "Date of birth",
        ProfileField::Gender => "Gender",
        ProfileField::Role => "Role",
        ProfileField::Company => "Company",
        ProfileField::EnablePayroll => "Payroll",
        ProfileField::AccountDetails => "Bank details",
        ProfileField::Attributes => "Attributes",
    }
}

/// What people call the field with this name, which may be that of an attribute.
pub fn label_of(name: &str) -> &str {
    match ProfileField::parse(name) {
        Some(field) => label(field),
        None if name == "status" => "Status",
        None if name == "created_at" => "Made",
        None if name == "updated_at" => "Changed",
        None => name.strip_prefix("attributes.").unwrap_or(name),
    }
}

/// A change from an old to a new value.
pub fn change(old: Option<&str>, new: Option<&str>) -> Markup {
    let text = |text: Option<&str>, class: &str| {
        html! {
            @match text {
                Some(text) => span class=(class) { (value(text)) },
                None => span.muted { "nothing" },
            }
        }
    };
    html! { span.change { (text(old, "old")) span.arrow aria-label="becomes" role="img" { "→" } (text(new, "new")) } }
}
