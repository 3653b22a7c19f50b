//! Receives each request: serves health and reflection always, and the other services once the store is open.

mod give_back;
mod health;
mod home;
mod router;

pub use self::router::Front;
