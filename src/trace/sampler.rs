//! Which calls are recorded.

use super::ids::{Parent, TraceId};

/// Which calls are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampler {
    /// Whether the caller decides, if it named a trace.
    pub follows_parent: bool,
    /// What holds for all other calls.
    pub root: Root,
}

/// Which calls are recorded if no caller decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// All.
    All,
    /// None.
    None,
    /// Those whose trace id, as a number of 63 bits, is below this.
    Below(u64),
}

impl Default for Sampler {
    fn default() -> Self {
        Self { follows_parent: true, root: Root::All }
    }
}

impl Sampler {
    /// Whether a call with this trace is recorded.
    #[must_use]
    pub fn samples(&self, trace: TraceId, parent: Option<Parent>) -> bool {
        match (parent, self.root) {
            (Some(parent), _) if self.follows_parent => parent.is_sampled,
            (_, Root::All) => true,
            (_, Root::None) => false,
            (_, Root::Below(bound)) => {
                let [.., a, b, c, d, e, f, g, h] = trace.bytes();
                (u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1) < bound
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ids::Ids;
    use super::*;

    #[test]
    fn a_sampled_parent_decides_if_it_may() {
        let ids = Ids::new([1, 2]);
        let trace = ids.trace();
        let parent = |is_sampled| Some(Parent { trace, span: ids.span(), is_sampled });
        for (follows_parent, root, parent, expected) in [
            (true, Root::All, None, true),
            (true, Root::All, parent(false), false),
            (true, Root::None, parent(true), true),
            (true, Root::None, None, false),
            (false, Root::All, parent(false), true),
            (false, Root::None, parent(true), false),
        ] {
            let sampler = Sampler { follows_parent, root };
            assert_eq!(sampler.samples(trace, parent), expected, "{sampler:?} {parent:?}");
        }
    }

    #[test]
    fn a_ratio_samples_that_part_of_the_traces() {
        let ids = Ids::new([3, 4]);
        let sampler = Sampler { follows_parent: false, root: Root::Below(1 << 61) };
        let sampled = (0..10_000).filter(|_| sampler.samples(ids.trace(), None)).count();
        assert!((2_300..2_700).contains(&sampled), "{sampled} of a quarter of 10,000");
    }
}
