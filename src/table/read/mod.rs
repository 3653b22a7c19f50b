//! Reading an open base.
//!
//! A [`view::View`] holds the view lock shared, so everything read through it has one revision and includes
//! every acknowledged write. A member found through a lookup is verified against the key that was looked up.

pub mod activity;
pub mod attached;
pub mod before;
pub mod deleted;
pub mod history;
mod one;
pub mod returned;
pub mod stored;
pub mod summary;
pub mod view;
