//! The building of new filters of audiences, between other batches.
//!
//! - The lane builds on whenever it has planned a batch, and when nothing is queued. So a build takes as long
//!   as a batch from time to time, and requests never wait longer than for one piece of it.
//! - What is built is as of everything that was planned. If a batch fails, it is built again from the
//!   beginning.

use std::sync::Arc;

use crate::table::index::layer::Layer;
use crate::table::plan::{Ahead, Build, Plan};
use crate::table::write::job::Job;
use crate::table::write::lane::Lane;

impl Lane {
    /// Whether there is something to build now.
    pub(super) fn has_to_build(&self) -> bool {
        self.definitions.next().is_some() && self.head.deleted_at.is_none() && !self.is_stuck
    }

    /// Builds a piece of what is to be built. After the last piece, the switch to it is planned next.
    pub(super) async fn build_on(&mut self) {
        if !self.has_to_build() {
            return;
        }
        let Some(mut build) = Build::of(&self.definitions, self.build.take()) else { return };
        let open = Arc::clone(&self.open);
        let in_flight = std::mem::take(&mut self.in_flight);
        let mut plan = Plan::new(&open, &in_flight, self.head.clone(), (open.parts.clock)());
        plan.keep(Arc::clone(&self.definitions), build.below());
        let built = plan.build_on(&mut build, open.parts.audience_build.blocks).await;
        drop(plan);
        self.in_flight = in_flight;
        // Others get their turn, even if nothing had to be read.
        tokio::task::yield_now().await;
        open.note_built(build.below());
        match built {
            Ok(false) => self.build = Some(build),
            Ok(true) => self.queue.push_front(Job::Built(Box::new(build))),
            Err(error) => {
                tracing::warn!(base = open.number.0, %error, "an audience could not be built; it is tried again");
                self.is_stuck = true;
            }
        }
    }

    /// Follows a batch that was appended: takes over its audiences, and what it did to rows that were
    /// evaluated already.
    pub(super) fn follow(&mut self, layer: &Layer, ahead: Vec<Ahead>) {
        if let Some(definitions) = &layer.definitions {
            self.definitions = Arc::clone(definitions);
        }
        self.build = Build::of(&self.definitions, self.build.take());
        if let Some(build) = &mut self.build {
            build.catch_up(ahead);
            self.open.note_built(build.below());
        }
    }
}
