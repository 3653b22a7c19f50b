//! What a request meets first: health and reflection always, the services once the store is open.

mod give_back;
mod health;
mod home;
mod router;

pub use self::router::Front;
