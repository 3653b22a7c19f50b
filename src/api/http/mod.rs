//! The JSON doors: HTTP on the same port as gRPC, distinguished by the path.
//!
//! The files and rooms here serve every door and know none: they read bodies within limits, parse JSON,
//! handle request ids, build replies and OpenAPI documents, and reject what no call can handle. A door is a
//! folder of its own. It lists its calls, renders errors in its own envelope, and surrounds every call in the
//! same way (caller, body, reply, error).
//!
//! Every call is a type with its path, the access that it needs, its request and its reply. Routes and
//! document of a door are built from the same list of calls.

mod about;
mod attributes;
mod camel;
pub mod console;
mod content_digest;
mod door;
mod elements;
mod entry;
mod expected;
mod file;
mod filter;
mod header;
mod idempotency;
mod integer;
mod json;
pub mod onsi;
mod openapi;
pub mod orbiit;
mod pieces;
pub mod publisher;
mod query;
mod receive;
mod rejection;
mod reply;
mod routes;
mod rows;
mod structure;
mod tree;

pub use self::door::Door;
pub use self::receive::Bodies;
