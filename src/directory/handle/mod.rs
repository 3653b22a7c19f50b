//! The service for one caller: [`Gate`] lets a caller in and returns its [`Directory`], to which the other
//! rooms add their operations as methods. A [`Directory`] for a request with a request id knows whether it is
//! a repeat.

mod directory;
mod gate;
mod idempotency;
mod request;
mod session;

pub use self::directory::{Directory, Expected};
pub use self::gate::Gate;
pub use self::idempotency::result_of_another_call;
