//! E-mail addresses and phone numbers.
//!
//! This room promises that a parsed address or number is valid under today's rules, that it is stored as sent
//! except for the separators of numbers, and that a fold never changes. It also knows which values earlier
//! versions accepted.

pub mod email;
pub mod phone;
