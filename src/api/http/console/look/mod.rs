//! How pages look: their frame, and what stands in them again and again.
//!
//! This room promises that every page has the same headers, and that a value becomes HTML only by escaping.

mod assets;
mod bar;
mod chart;
mod frame;
mod parts;

pub use self::assets::{ICON, SCRIPT, STYLE, asset};
pub use self::bar::{Share, Stripe, bar, part, progress};
pub use self::chart::{Chart, Column, Part, chart};
pub use self::frame::{Frame, Page, Place, Tab, Who, headers, see};
pub use self::parts::{bytes, done, empty, hidden, length, number, person, pill, proof, time, value};
