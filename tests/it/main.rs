//! One integration binary: each test starts a real server and uses it as a client does.

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
mod database;
mod fuzz;
mod grpc;
mod harness;
mod health;
mod home;
mod http;
mod kill;
mod linearizable;
mod linked;
mod log;
mod memory;
mod metrics;
mod private;
mod process;
mod spans;
mod tls;
mod version;
mod web;
