//! The gRPC door, call by call.

mod atomic_view;
mod batch_get;
mod bulk_delete;
mod bulk_options;
mod bulk_upsert;
pub mod bytes;
mod caller;
mod concurrency;
mod cursor;
mod errors;
mod every_call;
mod export;
mod faults;
mod get;
mod idempotency;
mod import;
mod import_id;
mod lifecycle;
mod list;
mod member_base;
mod rate;
mod record;
mod rename;
mod rights;
mod settings;
mod token;
mod wire;
