//! The tags of the fields of a stored member. A tag that falls out of use is never used again.

/// What errors call the form.
pub const VALUE: &str = "member";
/// The version of the form.
pub const VERSION: u8 = 1;

pub const REF: u8 = 1;
pub const EMAIL: u8 = 2;
pub const FIRST_NAME: u8 = 3;
pub const LAST_NAME: u8 = 4;
pub const PHONE: u8 = 5;
pub const WORKER_ID: u8 = 6;
pub const TIER: u8 = 7;
pub const DOB: u8 = 8;
pub const GENDER: u8 = 9;
pub const ROLE: u8 = 10;
pub const COMPANY: u8 = 11;
pub const ENABLE_PAYROLL: u8 = 12;
pub const UK_ACCOUNT: u8 = 13;
pub const EU_ACCOUNT: u8 = 14;
pub const ATTRIBUTE: u8 = 15;
pub const ALIAS: u8 = 16;
