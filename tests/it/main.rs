//! One integration binary: a real server for every test, spoken to as any client would.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test that finds something else than it expects should fail where it stands"
)]

mod architecture;
mod cli;
mod fuzz;
mod grpc;
mod harness;
mod health;
mod home;
mod http;
mod kill;
mod linearizable;
mod log;
mod memory;
mod private;
mod process;
mod tls;
mod version;
