//! What one connection may do: TLS, the number of connections and calls of its peer, and how long a reply may
//! stall.
//!
//! Nothing here knows a door or the store.

pub mod at_once;
mod calls;
pub mod descriptors;
mod first_bytes;
mod gather;
mod places;
pub mod stall;
mod tls;
mod uncut;
mod weighing;

pub use self::calls::Counting;
pub use self::first_bytes::Counted;
pub use self::gather::Gathered;
pub use self::places::{Crowded, Place, Places, Refused, Room};
pub use self::tls::{Failed, Tls, TlsError};
pub use self::uncut::{Uncutting, is_cut};
pub use self::weighing::Weighing;
