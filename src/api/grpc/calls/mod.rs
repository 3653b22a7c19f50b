//! The calls: one file for each service, and files for what several calls share.
//!
//! A call enters as its caller (`access`), converts its request (`convert`), calls the directory, and
//! converts the result. Calls that change something begin in `idempotency`.

mod api_tokens;
mod attributes;
mod audiences;
mod backup;
pub mod direct;
mod edit;
mod export;
mod history;
mod idempotency;
mod import;
mod jobs;
mod member_bases;
mod members;
mod records;
mod selector;
mod services;
mod stream;
mod undelete;
mod until;
mod upsert;

pub use self::services::Services;
