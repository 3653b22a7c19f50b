//! The attributes of members, and the schema that gives them types.
//!
//! This room promises that keys and values are within their limits, and that a value which a schema has
//! accepted is stored under the type of its key.

pub mod attribute;
pub mod schema;
