//! The building of indexes of attributes, between other batches, in the same way as that of audiences
//! (`build`).
//!
//! Each piece goes to the publisher, in its place between the batches. So what it has is as of its place, and
//! moves of batches after it count for its rows. The lane knows nothing of the sets but which rows are next.

use std::sync::Arc;

use crate::table::plan::Plan;
use crate::table::write::lane::{Lane, Stopped};
use crate::table::write::publisher::ToPublish;

impl Lane {
    /// Whether there is an index to build now.
    pub(super) fn has_to_index(&self) -> bool {
        !self.indexing.under_way.is_empty() && self.may_build()
    }

    /// Builds a piece of the indexes that are to be built.
    pub(super) async fn index_on(&mut self) -> Result<(), Stopped> {
        if !self.has_to_index() {
            return Ok(());
        }
        let open = Arc::clone(&self.open);
        let in_flight = std::mem::take(&mut self.in_flight);
        let mut plan = Plan::new(&open, &in_flight, self.head.clone(), (open.parts.clock)());
        let (fields, below) = (&self.indexing.under_way, self.indexing.below);
        let built = plan.index_on(fields, below, open.parts.audience_build.blocks).await;
        drop(plan);
        self.in_flight = in_flight;
        // Others get their turn, even if nothing had to be read.
        tokio::task::yield_now().await;
        match built {
            Ok(piece) => {
                self.indexing.advance(&piece, self.head.schema.as_deref());
                self.publisher.send(ToPublish::Indexed(piece)).await.map_err(|_| Stopped)
            }
            Err(error) => {
                tracing::warn!(base = open.number.0, %error, "an index could not be built; it is tried again");
                self.is_stuck = true;
                Ok(())
            }
        }
    }
}
