//! The building of new filters of audiences, between other batches.
//!
//! - The lane builds on whenever it has planned a batch, and when nothing is queued. So a build takes as long
//!   as a batch from time to time, and requests never wait longer than for one piece of it.
//! - What is built is as of everything that was planned. Each piece also goes to the publisher, in its place
//!   between the batches. If a batch fails, the lane goes on from what is published.

use std::sync::Arc;

use crate::table::index::layer::Layer;
use crate::table::plan::Plan;
use crate::table::write::job::Job;
use crate::table::write::lane::{Lane, Stopped};
use crate::table::write::publisher::ToPublish;

impl Lane {
    /// Whether there is something to build now.
    pub(super) fn has_to_build(&self) -> bool {
        self.definitions.next().is_some() && self.may_build()
    }

    /// Whether anything may be built now.
    pub(super) fn may_build(&self) -> bool {
        self.head.deleted_at.is_none() && !self.is_stuck
    }

    /// Builds a piece of what is to be built. After the last piece, the switch to it is planned next.
    pub(super) async fn build_on(&mut self) -> Result<(), Stopped> {
        if !self.has_to_build() {
            return Ok(());
        }
        let open = Arc::clone(&self.open);
        let in_flight = std::mem::take(&mut self.in_flight);
        let mut plan = Plan::new(&open, &in_flight, self.head.clone(), (open.parts.clock)());
        plan.keep(Arc::clone(&self.definitions), self.build.below());
        let built = plan.build_on(&self.build, open.parts.audience_build.blocks).await;
        drop(plan);
        self.in_flight = in_flight;
        // Others get their turn, even if nothing had to be read.
        tokio::task::yield_now().await;
        match built {
            Ok((piece, is_complete)) => {
                self.build.extend(&piece);
                open.note_built(self.build.below());
                if is_complete {
                    self.queue.push_front(Job::Built);
                }
                self.publisher.send(ToPublish::Built(piece)).await.map_err(|_| Stopped)
            }
            Err(error) => {
                tracing::warn!(base = open.number.0, %error, "an audience could not be built; it is tried again");
                self.is_stuck = true;
                Ok(())
            }
        }
    }

    /// Follows a batch that was appended: takes over its audiences, and what it did to rows that were
    /// evaluated already.
    pub(super) fn follow(&mut self, layer: &Layer) {
        if let Some(definitions) = &layer.definitions {
            self.definitions = Arc::clone(definitions);
            self.build.follow(definitions);
            self.open.note_built(self.build.below());
        }
        self.build.catch_up(&layer.ahead);
    }
}
