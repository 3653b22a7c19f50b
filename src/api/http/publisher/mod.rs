//! The Publisher door: `POST /publisher.v1/<resource>/<action>` with JSON bodies.
//!
//! A translation and no more: the directory decides what the calls mean. Requests are strict: unknown fields,
//! fields given twice and values of a wrong type are rejected with their paths. Replies use the names of the
//! published documentation, and errors have one envelope (`failure`).

mod account;
mod api_token;
mod attribute;
mod call;
mod calls;
mod deleted;
mod failure;
mod guard_limits;
mod history;
mod ids;
mod list;
mod member;
mod member_base;
mod openapi;
mod record;
mod routes;
mod row;
mod upsert;
mod words;

pub use self::calls::PREFIX;
pub use self::failure::{forbidden, not_serving, overloaded};
pub use self::routes::{paths, routes};
