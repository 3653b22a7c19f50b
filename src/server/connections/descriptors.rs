//! The descriptors that the process may have: the limit is raised as far as the system lets it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More are never asked for: some systems have no limit, and a table for as many takes memory.
const DESCRIPTORS_MAX: u64 = 65_536;

/// Raises the soft limit of descriptors, and answers how many there may be.
pub fn raise() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let most = maximum.unwrap_or(DESCRIPTORS_MAX).min(DESCRIPTORS_MAX);
    let now = current.unwrap_or(DESCRIPTORS_MAX);
    let raised = now < most && setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum }).is_ok();
    usize::try_from(if raised { most } else { now }).unwrap_or(usize::MAX)
}
