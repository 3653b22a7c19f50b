//! The fields of a member that a list can have.

macro_rules! fields {
    ($($field:ident $name:literal),* $(,)?) => {
        /// A field that a column can set.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Field {
            $(#[doc = concat!("`", $name, "`")] $field),*
        }

        impl Field {
            /// Every field, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$field),*];

            /// The name in documentation and exports.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$field => $name),* }
            }
        }
    };
}

fields! {
    Ref "ref", Email "email", FirstName "first_name", LastName "last_name", Phone "phone",
    WorkerId "worker_id", Tier "tier", Status "status", Dob "dob", Gender "gender", Role "role",
    Company "company", EnablePayroll "enable_payroll", SortCode "sort_code", AccountNumber "account_number",
    AccountHolder "account_holder", Iban "iban", Attributes "attributes", Id "id",
}
