//! Bank details.
//!
//! This room promises that details are complete and that their numbers have the structure of their country.
//! It refuses no IBAN that a bank issued.

pub mod account;
mod iban;
