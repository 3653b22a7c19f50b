//! Receives each request: serves health and reflection always, and the other services once the store is open.

mod doors;
mod elsewhere;
mod give_back;
mod health;
mod held;
mod home;
mod probe;
mod reflection;
mod router;

pub use self::elsewhere::Elsewhere;
pub use self::health::{Health, State, WaitsFor};
pub use self::home::check as check_home;
pub use self::probe::Probe;
pub use self::router::{Around, Front};
