//! What a server says while it waits for a store in a database.

use std::convert::Infallible;

use tokio::sync::watch;

use super::forward::{Forward, Toward};
use super::front::{Front, WaitsFor};
use crate::engine::postgres::Standing;

/// Tells callers, probes and the log what the opening waits for, whenever that changes, and `forward` who
/// owns the store.
pub async fn stand_by(
    front: &Front,
    forward: Option<&Forward>,
    mut told: watch::Receiver<Option<Standing>>,
) -> Infallible {
    let mut last = String::new();
    while told.changed().await.is_ok() {
        let standing = told.borrow_and_update().clone();
        let (waits_for, said) = match standing {
            None => continue,
            Some(Standing::Waiting { owner, .. }) => {
                if let Some(forward) = forward {
                    forward.toward(Toward::owner(&owner));
                }
                (WaitsFor::Owner, format!("{} owns the store (epoch {})", owner.name, owner.epoch))
            }
            // The owner that it named last may well be reached.
            Some(Standing::NoDatabase { why }) => (WaitsFor::Database, why),
        };
        // The time that it has waited is no news.
        if said != last {
            match waits_for {
                WaitsFor::Owner => tracing::info!(owner = said, "standing by until the store is free"),
                WaitsFor::Database | WaitsFor::Nothing => {
                    tracing::warn!(why = said, "the database cannot be used; trying again");
                }
            }
            last = said;
        }
        front.stand_by(waits_for).await;
    }
    std::future::pending().await
}
