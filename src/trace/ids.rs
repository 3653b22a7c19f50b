//! Ids of traces and spans, and the header `traceparent` in which a caller names them (W3C Trace Context).

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of digits of a version, a trace id, the id of a span, and flags.
const DIGITS: [usize; 4] = [2, 32, 16, 2];
/// The flag of a trace whose spans are recorded.
const SAMPLED: u8 = 1;

/// A trace id: any number but 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

/// The id of a span: any number but 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(u64);

/// The span of the caller, in which the call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// Its trace.
    pub trace: TraceId,
    /// Its id.
    pub span: SpanId,
    /// Whether the caller records the trace.
    pub is_sampled: bool,
}

impl Parent {
    /// Reads the value of `traceparent`; `None` if it is not valid.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let [version, trace, span, flags] = DIGITS.map(|digits| digits_of(parts.next(), digits));
        let is_first_version = version? == "00";
        // Later versions may have more parts.
        if version? == "ff" || (is_first_version && parts.next().is_some()) {
            return None;
        }
        let trace = u128::from_str_radix(trace?, 16).ok().filter(|number| *number != 0)?;
        let span = u64::from_str_radix(span?, 16).ok().filter(|number| *number != 0)?;
        let flags = u8::from_str_radix(flags?, 16).ok()?;
        Some(Self { trace: TraceId(trace), span: SpanId(span), is_sampled: flags & SAMPLED != 0 })
    }
}

fn digits_of(part: Option<&str>, digits: usize) -> Option<&str> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    part.filter(|part| part.len() == digits && part.bytes().all(is_digit))
}

impl TraceId {
    /// Its bytes.
    #[must_use]
    pub fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl SpanId {
    /// Its bytes.
    #[must_use]
    pub fn bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Makes ids that look random and differ from each other.
#[derive(Debug)]
pub struct Ids {
    seed: [u64; 2],
    made: AtomicU64,
}

impl Ids {
    /// Ids that follow from a random seed.
    pub fn new(seed: [u64; 2]) -> Self {
        Self { seed, made: AtomicU64::new(0) }
    }

    /// A new trace id.
    pub fn trace(&self) -> TraceId {
        let high = u128::from(self.next(0));
        TraceId((high << 64) | u128::from(self.next(1)))
    }

    /// A new id of a span.
    pub fn span(&self) -> SpanId {
        SpanId(self.next(1))
    }

    /// The next number but 0, by SplitMix64, which repeats none of 2^64 numbers.
    fn next(&self, seed: usize) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        loop {
            let step = self.made.fetch_add(1, Ordering::Relaxed).wrapping_mul(STEP);
            let [first, second] = self.seed;
            let mut mixed = (if seed == 0 { first } else { second }).wrapping_add(step);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            if mixed != 0 {
                return mixed;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn only_a_valid_header_names_a_span() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        for (text, is_valid) in [
            (format!("00-{id}-00f067aa0ba902b7-01"), true),
            (format!("cc-{id}-00f067aa0ba902b7-01-later"), true),
            (format!("00-{id}-00f067aa0ba902b7-01-more"), false),
            (format!("ff-{id}-00f067aa0ba902b7-01"), false),
            (format!("00-{id}-00f067aa0ba902b7"), false),
            (format!("00-{id}-0000000000000000-01"), false),
            (format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), false),
            (format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()), false),
            (format!("00-{}-00f067aa0ba902b7-01", &id[1..]), false),
            (String::new(), false),
            ("ada@example.com".to_owned(), false),
        ] {
            let parent = Parent::parse(&text);
            assert_eq!(
                parent.map(|parent| parent.trace.to_string()).as_deref(),
                is_valid.then_some(id),
                "{text}"
            );
            assert!(parent.is_none_or(|parent| parent.is_sampled && parent.span.bytes()[1] == 0xf0));
        }
        for (flags, is_sampled) in [("00", false), ("02", false), ("03", true)] {
            let parent = Parent::parse(&format!("00-{id}-00f067aa0ba902b7-{flags}")).unwrap();
            assert_eq!(parent.is_sampled, is_sampled);
        }
    }

    #[test]
    fn ids_differ() {
        let ids = Ids::new([1, 2]);
        let traces: HashSet<_> = (0..10_000).map(|_| ids.trace()).collect();
        let spans: HashSet<_> = (0..10_000).map(|_| ids.span()).collect();
        assert_eq!((traces.len(), spans.len()), (10_000, 10_000));
    }
}
