//! Renews the ownership.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::MissedTickBehavior;
use tokio_postgres::types::Type;

use super::commit::{cell, check_last};
use crate::engine::postgres::core::Core;
use crate::engine::postgres::rows::Fence;
use crate::engine::postgres::wire::{Failure, Link};

/// Renews until the store stops or the ownership is lost.
pub(in crate::engine::postgres) async fn renew(core: Arc<Core>) {
    let work = async {
        let mut config = core.config.clone();
        // A renewal that takes longer would come too late for the next one.
        config.statement_within = config.statement_within.min(config.term / 2);
        let mut rounds = tokio::time::interval(config.beat());
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut link = None;
        loop {
            rounds.tick().await;
            let connected = match link.take() {
                Some(link) => Ok(link),
                None => core.link(&config).await,
            };
            let renewed = match connected {
                Ok(fresh) => once(&core, &fresh).await.map(|()| fresh),
                Err(failure) => Err(failure),
            };
            match renewed {
                Ok(used) => link = Some(used),
                // The next owner may be there already.
                Err(Failure::Engine(_)) if core.is_closed.load(Ordering::Acquire) => return,
                Err(Failure::Engine(error)) => {
                    tracing::error!(%error, "the ownership cannot be renewed");
                    core.ownership.lose(&error.to_string());
                    return;
                }
                Err(failure) => {
                    tracing::warn!(%failure, "the ownership was not renewed; it is tried again");
                    core.doubt();
                }
            }
        }
    };
    core.stop.run_until_cancelled(work).await;
}

async fn once(core: &Core, link: &Link) -> Result<(), Failure> {
    let sent = core.config.clock.now();
    let (least, _) = core.backlog.counts();
    let rows =
        link.write(&core.sql.renew, &[(&core.next_beat(), Type::BYTEA), (&core.who, Type::BYTEA)]).await?;
    if rows.is_empty() {
        return Err(core.taken_over());
    }
    core.acknowledged(cell(rows.first(), 0)?)?;
    check_last(core, &Fence::decode(cell(rows.first(), 2)?)?, least)?;
    core.ownership.renewed(sent);
    Ok(())
}
