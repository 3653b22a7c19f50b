//! The Publisher door.

mod access;
mod attribute;
mod body;
pub mod calls;
mod history;
mod idempotency;
mod index;
mod member;
mod member_base;
mod record;
mod same;
mod token;
mod upsert;
