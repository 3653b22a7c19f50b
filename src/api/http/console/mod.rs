//! The console: pages for people, at `/console`.
//!
//! # What it promises
//!
//! - **It has no rights of its own.** A person signs in with a token. Every request begins by looking that
//!   token up ([`Gate::resume`](crate::directory::Gate::resume)), so one that is revoked or has expired is
//!   out at the next request. Every page is made by calls of [`Directory`](crate::directory::Directory) under
//!   that token, and by nothing else. Which buttons a page shows is a courtesy; the directory decides.
//! - **The secret of a token is in one request** (the form of sign-in), and a new token's secret in one
//!   reply. It is in no cookie, no address, no log and no other page. The cookie holds a sealed session
//!   instead: the id of the token and a time (`model::session`). It is `HttpOnly`, `SameSite=Strict`, and
//!   `Secure` over TLS.
//! - **Nothing is changed by a `GET`.** Every form is sent by `POST`, and is refused unless its `Origin` is
//!   this server and it carries the proof that belongs to the session (`visit`). Sign-in alone has no proof;
//!   there the `Origin` counts.
//! - **Nobody can choose the session of somebody else.** A session is made at sign-in and is new each time; a
//!   request with two cookies of that name has none.
//! - **What members say is text.** Templates are compiled (`maud`) and escape every value; nothing here marks
//!   a text as HTML. The pages are served with a `Content-Security-Policy` without any inline script or
//!   style, may stand in no frame, and are kept by no cache (`look`).
//! - **Reading works without scripts.** The one script of the console refreshes pages that change, searches
//!   as one types, and takes dropped files.
//!
//! What is left out: a page cannot be reached with the header `authorization`, and no page is served to the
//! pages of other servers.
//!
//! # The rooms
//!
//! | room | what it promises |
//! | --- | --- |
//! | `look` | the frame of pages, the style sheet, the script, and how numbers, times and bars look |
//! | `cookie` | reads and writes the cookie with the session |
//! | `settings` | what the console needs to know of the server |
//! | `failure` | why a page cannot be shown, in the words of the service |
//! | `visit` | who asks, what they send, and the reply: what surrounds every page |
//! | `fields` | members, their fields and their keys as texts |
//! | `filters` | filters as people write them |
//! | `sign_in` | signing in and out |
//! | `bases` | memberbases and their numbers |
//! | `members` | lists of members, and one member |
//! | `jobs` | lists that are uploaded, their plans, and what becomes of them |
//! | `audiences` | audiences |
//! | `tokens` | tokens |
//! | `server` | the state of the server |
//! | `routes` | which address is which page |

mod audiences;
mod bases;
mod cookie;
mod failure;
mod fields;
mod filters;
mod jobs;
mod look;
mod members;
mod routes;
mod server;
mod settings;
mod sign_in;
mod tokens;
mod visit;

pub use self::failure::{forbidden, not_serving, overloaded};
pub use self::routes::{is_console, paths, routes};
pub use self::settings::Settings;
