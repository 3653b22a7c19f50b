//! The kinds of attribute values in a stored member. A kind that falls out of use is never used again.

pub const TEXT: u8 = 1;
pub const NUMBER: u8 = 2;
pub const BOOL: u8 = 3;
pub const LIST: u8 = 4;
pub const DATE: u8 = 5;
