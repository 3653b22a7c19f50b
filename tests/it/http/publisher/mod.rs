//! The Publisher door.

mod access;
mod attribute;
mod body;
mod idempotency;
mod index;
mod member;
mod member_base;
mod record;
mod same;
mod token;
mod upsert;
