//! Raises the limit of file descriptors of the process as far as the system allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Most descriptors that are requested. Some systems have no limit, and a larger table takes memory.
const DESCRIPTORS_MAX: u64 = 65_536;

/// How many descriptors the process may have open.
pub fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Raises the soft limit of descriptors, and returns the new limit.
pub fn raise() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let most = maximum.unwrap_or(DESCRIPTORS_MAX).min(DESCRIPTORS_MAX);
    let now = current.unwrap_or(DESCRIPTORS_MAX);
    let raised = now < most && setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum }).is_ok();
    usize::try_from(if raised { most } else { now }).unwrap_or(usize::MAX)
}
