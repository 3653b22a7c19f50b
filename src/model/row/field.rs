//! The fields of a member by name. Callers clear fields by name, and files have columns with these names.

/// A field of the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProfileField {
    /// `ref`
    Ref,
    /// `email`
    Email,
    /// `first_name`
    FirstName,
    /// `last_name`
    LastName,
    /// `phone`
    Phone,
    /// `worker_id`
    WorkerId,
    /// `tier`
    Tier,
    /// `dob`
    Dob,
    /// `gender`
    Gender,
    /// `role`
    Role,
    /// `company`
    Company,
    /// `enable_payroll`
    EnablePayroll,
    /// `account_details`
    AccountDetails,
    /// `attributes`: all of them.
    Attributes,
}

impl ProfileField {
    /// Every field, in the order of the documentation.
    pub const ALL: [Self; 14] = [
        Self::Ref,
        Self::Email,
        Self::FirstName,
        Self::LastName,
        Self::Phone,
        Self::WorkerId,
        Self::Tier,
        Self::Dob,
        Self::Gender,
        Self::Role,
        Self::Company,
        Self::EnablePayroll,
        Self::AccountDetails,
        Self::Attributes,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ref => "ref",
            Self::Email => "email",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::Phone => "phone",
            Self::WorkerId => "worker_id",
            Self::Tier => "tier",
            Self::Dob => "dob",
            Self::Gender => "gender",
            Self::Role => "role",
            Self::Company => "company",
            Self::EnablePayroll => "enable_payroll",
            Self::AccountDetails => "account_details",
            Self::Attributes => "attributes",
        }
    }

    /// The field with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }
}
