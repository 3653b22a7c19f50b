//! gRPC-Web: calls of web pages, which can neither send gRPC nor read its trailers.
//!
//! Invariants:
//!
//! - With no origins in the settings nothing here looks at a request, and gRPC-Web is not served.
//! - A gRPC-Web call becomes the gRPC call that it stands for before anything else sees it, and its reply is
//!   translated last. So deadlines, rights, budgets, metrics and refusals are those of gRPC.
//! - A reply is passed on piece by piece. Nothing is collected, and no piece becomes longer.
//! - A page of another server gets CORS headers only if its origin is in the list, or if the list is `*`. Its
//!   gRPC-Web calls are refused otherwise, even if its browser sent them without asking.
//! - No content type that a browser sends without asking (`text/plain`, forms) becomes a call. Tokens come in
//!   `authorization`, which no browser adds by itself, and never in cookies: no reply allows credentials.
//! - Requests at the JSON doors and in the console are passed on as they are.
//!
//! `tonic-web` and the CORS of `tower-http` are not used. `tonic-web` 0.14 passes on the length of a reply
//! without that of the trailers, and holds base64 copies of whole messages, which no budget counts.
//! `tower-http` 0.7 answers OPTIONS at every path, and tells pages that are not listed which headers are
//! allowed. What is needed of both is small: the frames of requests are the same as those of gRPC, and a reply
//! differs in its last frame. Base64 (`application/grpc-web-text`) is not served; clients need it only if
//! they cannot read binary streams.

mod cors;
mod page;
mod service;
mod trailers;

pub use self::cors::{is_preflight, preflight};
pub use self::page::Page;
pub use self::service::{Web, is_refused};
