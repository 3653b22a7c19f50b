//! Bytes become characters.
//!
//! - A byte order mark is believed: UTF-8, or UTF-16 in either byte order. Without one, the text is UTF-8.
//! - **A text is UTF-8 throughout or nowhere.** If its first characters beyond ASCII are not UTF-8, then none
//!   may be, and the text is Windows-1252. Otherwise one row that was pasted in from elsewhere would change
//!   the names of all others, or its own.
//! - Before that decision, up to [`HELD`] bytes from the first such character on are compared with other
//!   encodings: a list in Windows-1250 or Shift-JIS is refused, and so is an old Macintosh file. A caller may
//!   also allow nothing but UTF-8 and UTF-16.
//! - UTF-16 without a mark, or with half of a pair, and bytes without a character are refused.
//!
//! The caller knows the line of a fault: everything before it was returned already.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::fault::EncodingFault;

/// How many bytes are compared with other encodings before one is chosen.
const HELD: usize = 64 << 10;
/// The longest byte order mark.
const MARK: usize = 3;
/// The longest run of bytes beyond ASCII that is looked at as a whole.
const RUN: usize = 4 << 10;

/// The encoding of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, which includes ASCII.
    Utf8,
    /// UTF-16 with a byte order mark.
    Utf16,
    /// Windows-1252.
    Windows1252,
}

/// Turns bytes into characters, piece by piece.
pub struct Decoder {
    /// Whether the text may be Windows-1252.
    takes_other: bool,
    state: State,
    /// Bytes that wait for more: the beginning of the text or of a character, or what is compared.
    rest: Vec<u8>,
    /// What comes after the characters that were returned last.
    fault: Option<Undecodable>,
    has_mark: bool,
    has_cr: bool,
    has_lf: bool,
}

enum State {
    /// Before the first bytes.
    Start,
    /// Only ASCII so far.
    Ascii,
    Utf8,
    /// Not UTF-8, and not compared with other encodings yet.
    Undecided,
    Windows1252,
    Utf16(encoding_rs::Decoder),
}

/// Why bytes are no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undecodable {
    /// What comes next is not in the encoding of the text.
    Next(EncodingFault),
    /// The text is UTF-16, and does not say so.
    UnmarkedUtf16,
}

impl Decoder {
    /// A decoder that takes Windows-1252 too if `takes_other`.
    pub fn new(takes_other: bool) -> Self {
        Self {
            takes_other,
            state: State::Start,
            rest: Vec::new(),
            fault: None,
            has_mark: false,
            has_cr: false,
            has_lf: false,
        }
    }

    /// The encoding as far as it is known. ASCII counts as UTF-8.
    pub fn encoding(&self) -> Encoding {
        match self.state {
            State::Start | State::Ascii | State::Utf8 => Encoding::Utf8,
            State::Undecided | State::Windows1252 => Encoding::Windows1252,
            State::Utf16(_) => Encoding::Utf16,
        }
    }

    /// Whether the text begins with a byte order mark.
    pub fn has_mark(&self) -> bool {
        self.has_mark
    }

    /// The next characters of `input`, which is moved past them; `None` if it is used up. With `is_end` no
    /// bytes follow it. A fault is returned after all characters before it.
    pub fn next<'a>(
        &mut self,
        input: &mut &'a [u8],
        is_end: bool,
    ) -> Result<Option<Cow<'a, str>>, Undecodable> {
        loop {
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            if input.is_empty() && !(is_end && self.has_more()) {
                return Ok(None);
            }
            let text = match self.state {
                State::Start => self.start(input, is_end),
                State::Ascii | State::Utf8 => self.utf8(input, is_end),
                State::Undecided => self.decide(input, is_end),
                State::Windows1252 => self.windows_1252(input, is_end),
                State::Utf16(_) => self.utf16(input, is_end),
            };
            if !text.is_empty() {
                self.note_line_ends(&text);
                return Ok(Some(text));
            }
        }
    }

    /// Whether something is left to do when no bytes follow.
    fn has_more(&self) -> bool {
        // An UTF-16 decoder holds bytes itself, and forgets them when it is told that the text ends.
        !self.rest.is_empty() || matches!(self.state, State::Utf16(_))
    }

    fn fail(&mut self, fault: EncodingFault) {
        self.rest.clear();
        self.fault = Some(Undecodable::Next(fault));
    }

    /// Looks for a byte order mark.
    fn start<'a>(&mut self, input: &mut &'a [u8], is_end: bool) -> Cow<'a, str> {
        self.rest.extend_from_slice(take(input, MARK - self.rest.len().min(MARK)));
        if self.rest.len() < MARK && !is_end {
            return Cow::Borrowed("");
        }
        let (state, mark) = match self.rest[..] {
            [0xef, 0xbb, 0xbf] => (State::Utf8, MARK),
            [0xff, 0xfe, ..] => (State::Utf16(UTF_16LE.new_decoder_without_bom_handling()), 2),
            [0xfe, 0xff, ..] => (State::Utf16(UTF_16BE.new_decoder_without_bom_handling()), 2),
            [0, 1..=255, ..] | [1..=255, 0, ..] => {
                self.fault = Some(Undecodable::UnmarkedUtf16);
                return Cow::Borrowed("");
            }
            _ => (State::Ascii, 0),
        };
        self.has_mark = mark > 0;
        self.state = state;
        self.rest.drain(..mark);
        Cow::Borrowed("")
    }

    /// Characters in UTF-8.
    fn utf8<'a>(&mut self, input: &mut &'a [u8], is_end: bool) -> Cow<'a, str> {
        let text = if self.rest.is_empty() {
            let bytes = take(input, input.len());
            Cow::Borrowed(self.valid(bytes, is_end))
        } else {
            // The beginning of a character, which a few bytes complete.
            let mut bytes = std::mem::take(&mut self.rest);
            bytes.extend_from_slice(take(input, MARK));
            Cow::Owned(self.valid(&bytes, is_end && input.is_empty()).to_owned())
        };
        if matches!(self.state, State::Ascii) && !text.is_ascii() {
            self.state = State::Utf8;
        }
        text
    }

    /// The characters at the beginning of `bytes`. What follows them is kept for later, or is a fault.
    fn valid<'b>(&mut self, bytes: &'b [u8], is_last: bool) -> &'b str {
        // Changes nothing, and checks many bytes at once.
        if let Some(Cow::Borrowed(text)) = UTF_8.decode_without_bom_handling_and_without_replacement(bytes) {
            return text;
        }
        let error = match std::str::from_utf8(bytes) {
            Ok(text) => return text,
            Err(error) => error,
        };
        let (good, rest) = bytes.split_at_checked(error.valid_up_to()).unwrap_or_default();
        let is_ascii = matches!(self.state, State::Ascii) && good.is_ascii();
        match error.error_len() {
            None if is_last => self.fail(EncodingFault::Cut),
            None => self.rest = rest.to_vec(),
            Some(_) if self.takes_other && is_ascii => {
                self.rest = rest.to_vec();
                self.state = State::Undecided;
            }
            Some(_) => self.fail(EncodingFault::NotUtf8),
        }
        std::str::from_utf8(good).unwrap_or_default()
    }

    /// Compares enough bytes with other encodings.
    fn decide<'a>(&mut self, input: &mut &'a [u8], is_end: bool) -> Cow<'a, str> {
        self.rest.extend_from_slice(take(input, HELD.saturating_sub(self.rest.len())));
        if self.rest.len() >= HELD || is_end {
            match self.other_encoding(is_end && input.is_empty()) {
                Some(fault) => self.fail(fault),
                None => self.state = State::Windows1252,
            }
        }
        Cow::Borrowed("")
    }

    /// Why what is held is not Windows-1252.
    fn other_encoding(&self, is_last: bool) -> Option<EncodingFault> {
        let held = self.rest.as_slice();
        if first_run(held, is_last, |run| std::str::from_utf8(run).is_ok()).is_some() {
            return Some(EncodingFault::NotUtf8);
        }
        let has = |byte: u8| held.contains(&byte);
        if (self.has_cr || has(b'\r')) && !self.has_lf && !has(b'\n') {
            return Some(EncodingFault::Macintosh);
        }
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(held, is_last);
        let guess = detector.guess(None, Utf8Detection::Deny);
        (guess != WINDOWS_1252).then(|| EncodingFault::Other { name: guess.name() })
    }

    /// Characters in Windows-1252, up to a run of bytes that is refused.
    fn windows_1252<'a>(&mut self, input: &mut &'a [u8], is_end: bool) -> Cow<'a, str> {
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend_from_slice(take(input, input.len()));
        let wrong =
            first_run(&bytes, is_end, |run| run.iter().any(is_unknown) || std::str::from_utf8(run).is_ok());
        let good = match wrong {
            Some((at, run)) => {
                let is_unknown = run.iter().any(is_unknown);
                self.fail(if is_unknown { EncodingFault::Unknown } else { EncodingFault::Mixed });
                at
            }
            None => whole_runs(&bytes, is_end),
        };
        let (good, rest) = bytes.split_at_checked(good).unwrap_or((&bytes, &[]));
        if self.fault.is_none() {
            self.rest = rest.to_vec();
        }
        let text = WINDOWS_1252.decode_without_bom_handling(good).0;
        Cow::Owned(text.into_owned())
    }

    /// Characters in UTF-16.
    fn utf16<'a>(&mut self, input: &mut &'a [u8], is_end: bool) -> Cow<'a, str> {
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend_from_slice(take(input, input.len()));
        let State::Utf16(decoder) = &mut self.state else { return Cow::Borrowed("") };
        let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
        let mut text = String::with_capacity(room.unwrap_or_default());
        let (result, _) = decoder.decode_to_string_without_replacement(&bytes, &mut text, is_end);
        if let DecoderResult::Malformed(..) = result {
            self.fail(EncodingFault::NotUtf16);
        }
        if is_end {
            self.state = State::Utf8;
        }
        Cow::Owned(text)
    }

    /// Notes how lines end, as long as that may matter.
    fn note_line_ends(&mut self, text: &str) {
        if !self.has_lf && matches!(self.state, State::Ascii | State::Undecided) {
            self.has_lf = text.as_bytes().contains(&b'\n');
            self.has_cr |= text.as_bytes().contains(&b'\r');
        }
    }
}

/// Takes up to `length` bytes from the front.
fn take<'a>(input: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
    *input = rest;
    taken
}

/// Whether the byte is no character in Windows-1252.
fn is_unknown(byte: &u8) -> bool {
    matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d)
}

/// The first run of bytes beyond ASCII that `is_wanted`, and its place. A short run at the end may go on in
/// bytes that follow, unless it `is_last`.
fn first_run(bytes: &[u8], is_last: bool, is_wanted: impl Fn(&[u8]) -> bool) -> Option<(usize, &[u8])> {
    let whole = bytes.get(..whole_runs(bytes, is_last)).unwrap_or_default();
    let mut at = 0;
    for run in whole.chunk_by(|one, next| one.is_ascii() == next.is_ascii()) {
        if run.first().is_some_and(|byte| !byte.is_ascii()) && is_wanted(run) {
            return Some((at, run));
        }
        at += run.len();
    }
    None
}

/// How many bytes come before a run that may go on.
fn whole_runs(bytes: &[u8], is_last: bool) -> usize {
    let before = bytes.iter().rposition(u8::is_ascii).map_or(0, |last| last + 1);
    if is_last || bytes.len() - before > RUN { bytes.len() } else { before }
}

#[cfg(test)]
mod tests;
