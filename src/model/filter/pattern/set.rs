//! Several regular expressions, searched together: one automaton reads a text once for all of them.
//!
//! - A state of the automaton stands for what all its expressions have read, so **making one takes at most as
//!   long as making a state of each**, and a text has the same bound as with one search after another.
//! - Expressions that have much to remember can need a new state for nearly every byte. Then the automaton
//!   [gives up](SetStates), and from then on each expression is searched for itself.
//! - Expressions that need to see Unicode word boundaries are not taken, because no automaton finds these in
//!   every text.

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{NFA, WhichCaptures};
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind};

use super::{Beyond, Pattern};
use crate::model::limits::{REGEX_CACHE_MAX_BYTES, REGEX_COMPILED_MAX_BYTES};

/// Searched together at most. With more of them, what they have read goes together in more ways.
pub const TOGETHER: usize = 8;
/// An expression that weighs more is searched for itself.
const MAX_WEIGHT: u64 = 64;
/// The automaton drops its states so many times before it may give up.
const DROPPED_STATES: usize = 3;
/// It gives up if it reads fewer bytes than this for each state that it makes.
const BYTES_PER_STATE: usize = 8;

/// Several regular expressions, which are searched together.
#[derive(Debug)]
pub struct PatternSet {
    dfa: DFA,
    patterns: usize,
}

/// The states that the automaton of a set has made.
#[derive(Debug, Default)]
pub struct SetStates {
    cache: Option<Cache>,
    /// Whether it made too many.
    is_given_up: bool,
}

impl PatternSet {
    /// Whether an expression can be searched together with others.
    pub fn takes(pattern: &Pattern) -> bool {
        let config = syntax::Config::new().case_insensitive(pattern.case_insensitive);
        let parsed = syntax::parse_with(&pattern.text, &config);
        pattern.weight <= MAX_WEIGHT
            && parsed.is_ok_and(|parsed| !parsed.properties().look_set().contains_word_unicode())
    }

    /// These expressions; `None` if they cannot be searched together.
    pub fn new<'a>(patterns: impl Iterator<Item = &'a Pattern>) -> Option<Self> {
        let mut parsed = Vec::with_capacity(TOGETHER);
        for pattern in patterns {
            let config = syntax::Config::new().case_insensitive(pattern.case_insensitive);
            parsed.push(syntax::parse_with(&pattern.text, &config).ok()?);
        }
        if parsed.is_empty() || parsed.len() > TOGETHER {
            return None;
        }
        let limits =
            NFA::config().which_captures(WhichCaptures::None).nfa_size_limit(Some(REGEX_COMPILED_MAX_BYTES));
        let nfa = NFA::compiler().configure(limits).build_many_from_hir(&parsed).ok()?;
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .cache_capacity(REGEX_CACHE_MAX_BYTES)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(Some(DROPPED_STATES))
            .minimum_bytes_per_state(Some(BYTES_PER_STATE));
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
        Some(Self { dfa, patterns: parsed.len() })
    }

    /// Calls `found` with the place of each expression that `text` has a match of. `false` if they must be
    /// searched one by one, whatever was found.
    pub fn search(&self, text: &str, states: &mut SetStates, found: impl FnMut(usize)) -> bool {
        if states.is_given_up {
            return false;
        }
        let cache = states.cache.get_or_insert_with(|| self.dfa.create_cache());
        if self.run(text.as_bytes(), cache, found).is_err() {
            *states = SetStates { cache: None, is_given_up: true };
        }
        !states.is_given_up
    }

    fn run(&self, text: &[u8], cache: &mut Cache, mut found: impl FnMut(usize)) -> Result<(), Beyond> {
        let dfa = &self.dfa;
        let (mut seen, all) = (0_u64, (1_u64 << self.patterns) - 1);
        let mut note = |cache: &Cache, state| {
            for nth in 0..dfa.match_len(cache, state) {
                let place = dfa.match_pattern(cache, state, nth).as_usize();
                if seen >> place & 1 == 0 {
                    seen |= 1 << place;
                    found(place);
                }
            }
            seen == all
        };
        cache.search_start(0);
        let mut state = dfa.start_state_forward(cache, &Input::new(text)).map_err(|_| Beyond)?;
        for byte in text {
            state = dfa.next_state(cache, state, *byte).map_err(|_| Beyond)?;
            if state.is_tagged() {
                if state.is_match() {
                    if note(cache, state) {
                        break;
                    }
                } else if state.is_dead() {
                    break;
                } else if state.is_quit() {
                    return Err(Beyond);
                }
            }
        }
        cache.search_finish(text.len());
        let last = dfa.next_eoi_state(cache, state).map_err(|_| Beyond)?;
        if last.is_match() {
            note(cache, last);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::filter::Effort;

    fn pattern(text: &str, case_insensitive: bool) -> Pattern {
        Pattern::compile(text.to_owned(), case_insensitive, 0).unwrap()
    }

    fn found(set: &PatternSet, text: &str, states: &mut SetStates) -> Option<Vec<usize>> {
        let mut places = Vec::new();
        let is_good = set.search(text, states, |place| places.push(place));
        places.sort_unstable();
        is_good.then_some(places)
    }

    #[test]
    fn a_set_finds_what_each_expression_finds() {
        let texts =
            ["a", "^a", "a$", "^$", "$", "\\w+", "é", "a{2,3}b", "[^a]", "x*", "(?m)^$", ".", "(ab)+c$"];
        let texts =
            [&texts[..], &["\\p{Lu}", "c\\z", "(?-u:\\b)a", "a|b|", "^b.*c", "foo", "oo"][..]].concat();
        let long = "ab".repeat(700) + "c";
        let searched = ["", "a", "foo", "a foo b", "über foo", "é", "aaab", "\n", "A", "bac", "Ünder", &long];
        for together in texts.chunks(TOGETHER) {
            for case_insensitive in [false, true] {
                let patterns: Vec<Pattern> =
                    together.iter().map(|text| pattern(text, case_insensitive)).collect();
                let set = PatternSet::new(patterns.iter()).unwrap();
                let mut states = SetStates::default();
                for text in searched {
                    let each = |pattern: &Pattern| pattern.is_match(text, &mut Effort::default());
                    let one_by_one =
                        patterns.iter().enumerate().filter(|(_, pattern)| each(pattern)).map(|(n, _)| n);
                    let together = found(&set, text, &mut states);
                    assert_eq!(together, Some(one_by_one.collect()), "{patterns:?} {text:?}");
                }
            }
        }
    }

    #[test]
    fn expressions_that_a_set_cannot_search_in_every_text_are_not_taken() {
        assert!(PatternSet::takes(&pattern("^(the )?company [0-9]+", true)));
        for text in ["\\bfoo", "foo\\B", "a\\b{start}", "a{1,64}!"] {
            assert!(!PatternSet::takes(&pattern(text, false)), "{text}");
        }
        let many = vec![pattern("a", false); TOGETHER + 1];
        assert!(PatternSet::new(many.iter()).is_none());
        assert!(PatternSet::new(std::iter::empty()).is_none());
    }

    #[test]
    fn a_set_that_makes_a_state_for_nearly_every_byte_gives_up() {
        let patterns: Vec<Pattern> =
            (0..TOGETHER).map(|n| pattern(&format!("[ab]*a[ab]{{{}}}!", 40 + n), false)).collect();
        let set = PatternSet::new(patterns.iter()).unwrap();
        let mut states = SetStates::default();
        let mut bits = 12_345_u32;
        let mut searches = 0;
        loop {
            let text: String = (0..400)
                .map(|_| {
                    bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    if bits >> 31 == 0 { 'a' } else { 'b' }
                })
                .collect();
            if found(&set, &text, &mut states).is_none() {
                break;
            }
            searches += 1;
            assert!(searches < 10_000);
        }
        assert!(states.is_given_up && states.cache.is_none());
        assert!(!set.search("a", &mut states, |_| unreachable!("it is not searched any more")));
    }
}
