//! Regular expressions, searched with a counted effort.
//!
//! - An automaton reads a text once, byte by byte, and makes its states when it first needs them. A byte that
//!   leads to an existing state takes two or three nanoseconds; making a state takes time in proportion to
//!   its size. **Both are counted**, so the effort of a search is known byte by byte, and a search can stop
//!   in the middle of a text.
//! - The states of an expression take at most [`REGEX_CACHE_MAX_BYTES`]; beyond that the automaton drops them
//!   and makes them again. Parsing the filter bounds what that can cost for one member (see [`weight`]).
//! - Such an automaton cannot find Unicode word boundaries in a text that is not ASCII. These texts, and no
//!   others, are searched by simulating all states at once.
//! - Filters that are evaluated together can search several expressions together ([`PatternSet`]).

mod set;
mod weight;

use std::fmt;
use std::sync::Arc;

use regex_automata::Input;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::nfa::thompson::{NFA, WhichCaptures};
use regex_automata::util::syntax;

pub use self::set::{PatternSet, SetStates, TOGETHER};
use super::Effort;
use crate::model::limits::{REGEX_CACHE_MAX_BYTES, REGEX_COMPILED_MAX_BYTES, REGEX_MAX_BYTES};

/// The number of bytes that are read between two counts of effort.
const BYTES_TOGETHER: usize = 256;
/// Steps for a byte that leads to a state that exists already.
const BYTE: u64 = 3;
/// Steps for making a state, for each byte of its size.
const MADE_BYTE: u64 = 16;
/// Steps for simulating one byte, for each state that can be active at once.
const SIMULATED: u64 = 10;

/// A compiled regular expression.
#[derive(Clone)]
pub struct Pattern {
    pub(super) text: String,
    pub(super) case_insensitive: bool,
    /// Its place among the expressions of its filter.
    place: usize,
    weight: u64,
    compiled: Arc<Compiled>,
}

struct Compiled {
    dfa: DFA,
    simulation: PikeVM,
}

impl Pattern {
    /// Compiles the expression `text`, the one at `place` in its filter. The error says what it must be.
    pub(super) fn compile(text: String, case_insensitive: bool, place: usize) -> Result<Self, String> {
        if text.is_empty() {
            return Err("must not be empty".to_owned());
        }
        if text.len() > REGEX_MAX_BYTES {
            return Err(format!("must be at most {REGEX_MAX_BYTES} bytes long, not {}", text.len()));
        }
        let config = syntax::Config::new().case_insensitive(case_insensitive);
        let parsed = syntax::parse_with(&text, &config).map_err(|error| {
            // The last line says what is wrong; the lines before it repeat the pattern.
            let text = error.to_string();
            let line = text.lines().last().unwrap_or_default();
            format!("must be a regular expression: {}", line.trim_start_matches("error: "))
        })?;
        let weight = weight::of(&parsed);
        let too_large = |_| "must be simpler: it is too large once compiled".to_owned();
        let limits =
            NFA::config().which_captures(WhichCaptures::None).nfa_size_limit(Some(REGEX_COMPILED_MAX_BYTES));
        let nfa = NFA::compiler().configure(limits).build_from_hir(&parsed).map_err(too_large)?;
        let simulation =
            PikeVM::builder().build_from_nfa(nfa.clone()).map_err(|_| "cannot be compiled".to_owned())?;
        let limits = DFA::config()
            .cache_capacity(REGEX_CACHE_MAX_BYTES)
            // A large expression gets the minimum that it needs, which its compiled size bounds.
            .skip_cache_capacity_check(true)
            .unicode_word_boundary(true);
        let dfa = DFA::builder()
            .configure(limits)
            .build_from_nfa(nfa)
            .map_err(|_| "must be simpler: it is too large once compiled".to_owned())?;
        let compiled = Arc::new(Compiled { dfa, simulation });
        Ok(Self { text, case_insensitive, place, weight, compiled })
    }

    /// The most steps that a byte of text can take, see [`weight`].
    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    /// Whether `text` has a match; false if the search is stopped.
    pub(super) fn is_match(&self, text: &str, effort: &mut Effort) -> bool {
        if effort.caches.len() <= self.place {
            effort.caches.resize_with(self.place + 1, || None);
        }
        let kept = effort.caches.get_mut(self.place).and_then(Option::take);
        let mut cache = kept.unwrap_or_else(|| self.compiled.dfa.create_cache());
        let found = self.search(text.as_bytes(), &mut cache, effort);
        if let Some(place) = effort.caches.get_mut(self.place) {
            *place = Some(cache);
        }
        match found {
            Ok(found) => found,
            Err(Beyond) => {
                let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
                effort.add(bytes.saturating_mul(self.weight).saturating_mul(SIMULATED));
                let mut cache = self.compiled.simulation.create_cache();
                self.compiled.simulation.is_match(&mut cache, text)
            }
        }
    }

    fn search(&self, text: &[u8], cache: &mut Cache, effort: &mut Effort) -> Result<bool, Beyond> {
        let dfa = &self.compiled.dfa;
        let mut made = made(dfa, cache);
        let mut state = dfa.start_state_forward(cache, &Input::new(text)).map_err(|_| Beyond)?;
        for bytes in text.chunks(BYTES_TOGETHER) {
            let mut found = None;
            for byte in bytes {
                state = dfa.next_state(cache, state, *byte).map_err(|_| Beyond)?;
                if state.is_tagged() {
                    if state.is_match() {
                        found = Some(Ok(true));
                        break;
                    } else if state.is_dead() {
                        found = Some(Ok(false));
                        break;
                    } else if state.is_quit() {
                        found = Some(Err(Beyond));
                        break;
                    }
                }
            }
            made = count(bytes.len(), made, dfa, cache, effort);
            if let Some(found) = found {
                return found;
            }
            if effort.is_stopped() {
                return Ok(false);
            }
        }
        let last = dfa.next_eoi_state(cache, state).map_err(|_| Beyond)?;
        count(0, made, dfa, cache, effort);
        Ok(last.is_match())
    }
}

/// The automaton cannot search this text.
struct Beyond;

/// The size of all states that were made so far, in bytes.
fn made(dfa: &DFA, cache: &Cache) -> usize {
    let forgotten = cache.clear_count().saturating_mul(dfa.get_config().get_cache_capacity());
    forgotten.saturating_add(cache.memory_usage())
}

/// Counts the bytes that were read and the states that were made since `before`; returns the new total of
/// states.
fn count(bytes: usize, before: usize, dfa: &DFA, cache: &Cache, effort: &mut Effort) -> usize {
    let now = made(dfa, cache);
    let steps = |count: usize, each: u64| u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(each);
    effort.add(steps(bytes, BYTE).saturating_add(steps(now.saturating_sub(before), MADE_BYTE)));
    now
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.case_insensitive == other.case_insensitive
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?}, case_insensitive: {})", self.text, self.case_insensitive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::filter::Stop;

    fn pattern(text: &str) -> Pattern {
        Pattern::compile(text.to_owned(), false, 0).unwrap()
    }

    fn steps(pattern: &Pattern, text: &str) -> u64 {
        let mut effort = Effort::default();
        pattern.is_match(text, &mut effort);
        effort.steps()
    }

    #[test]
    fn patterns_match_what_the_library_matches() {
        let texts = [
            "",
            "a",
            "foo",
            "a foo b",
            "afoo",
            "über foo",
            "é",
            "x foo\u{301}",
            "aaab",
            "2026-02-03",
            "\n",
            "A",
        ];
        let long = "ab".repeat(700) + "c";
        for text in [
            "a",
            "^a",
            "a$",
            "^$",
            "$",
            "\\bfoo\\b",
            "foo\\b",
            "\\Bfoo",
            "\\w+",
            "é",
            "(?i)A",
            "a{2,3}b",
            "[^a]",
            "x*",
            "^\\d{4}-\\d\\d-\\d\\d$",
            "(?m)^$",
            "(?s).",
            ".",
            "(ab)+c$",
            "\\p{Lu}",
            "c\\z",
            "(?-u:\\b)a",
            "a|b|",
        ] {
            for case_insensitive in [false, true] {
                let ours = Pattern::compile(text.to_owned(), case_insensitive, 3).unwrap();
                let library =
                    regex::RegexBuilder::new(text).case_insensitive(case_insensitive).build().unwrap();
                let mut effort = Effort::default();
                for searched in texts.iter().copied().chain([long.as_str()]) {
                    let found = ours.is_match(searched, &mut effort);
                    assert_eq!(found, library.is_match(searched), "{text} {searched:?}");
                }
            }
        }
    }

    #[test]
    fn the_effort_of_a_search_grows_with_the_text_and_with_the_states_that_it_makes() {
        let plain = pattern("smith");
        let (short, long) = (steps(&plain, &"a".repeat(1_000)), steps(&plain, &"a".repeat(100_000)));
        assert!(long > 50 * short && long < 1_000_000, "{short} {long}");
        // Most bytes need a new state.
        let mean = pattern("[ab]*a[ab]{200}!");
        let mut bits = 12_345_u32;
        let text: String = (0..4_000)
            .map(|_| {
                bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if bits >> 31 == 0 { 'a' } else { 'b' }
            })
            .collect();
        assert!(steps(&mean, &text) > 100 * steps(&plain, &text), "{}", steps(&mean, &text));
    }

    #[test]
    fn states_are_reused_for_the_next_member() {
        let pattern = pattern("a{1,100}!");
        let mut effort = Effort::default();
        pattern.is_match(&"a".repeat(1_000), &mut effort);
        let first = effort.steps();
        pattern.is_match(&"a".repeat(1_000), &mut effort);
        assert!(effort.steps() - first < first / 4);
    }

    #[test]
    fn a_stopped_search_reads_no_further() {
        let stop = Stop::default();
        let mut effort = Effort::until(stop.clone());
        stop.tell();
        let text = "a".repeat(100_000) + "!";
        assert!(!pattern("!").is_match(&text, &mut effort));
        assert!(effort.steps() < 100_000, "{}", effort.steps());
    }
}
