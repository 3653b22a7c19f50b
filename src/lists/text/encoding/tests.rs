use encoding_rs::{Encoding as Known, SHIFT_JIS, WINDOWS_1250, WINDOWS_1251};

use super::*;

/// The characters before the first fault, and the fault; the same for pieces of any size.
#[track_caller]
fn decoded(bytes: &[u8]) -> (String, Option<Undecodable>, Encoding) {
    let by = |step: usize| {
        let mut decoder = Decoder::new(true);
        let mut text = String::new();
        let last = bytes.len().div_ceil(step).max(1);
        for number in 1..=last {
            let mut piece = &bytes[(number - 1) * step..(number * step).min(bytes.len())];
            loop {
                match decoder.next(&mut piece, number == last) {
                    Ok(Some(more)) => text.push_str(&more),
                    Ok(None) => break,
                    Err(fault) => return (text, Some(fault), decoder.encoding()),
                }
            }
        }
        (text, None, decoder.encoding())
    };
    let whole = by(bytes.len().max(1));
    for step in [1, 2, 3, 7] {
        assert_eq!(by(step), whole, "{bytes:?} in pieces of {step}");
    }
    whole
}

#[track_caller]
fn reads(bytes: &[u8], text: &str, encoding: Encoding) {
    assert_eq!(decoded(bytes), (text.to_owned(), None, encoding), "{bytes:?}");
}

#[track_caller]
fn refuses(bytes: &[u8], text: &str, fault: EncodingFault) {
    let (before, found, _) = decoded(bytes);
    assert_eq!((before.as_str(), found), (text, Some(Undecodable::Next(fault))), "{bytes:?}");
}

fn utf16(text: &str, to_bytes: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

#[test]
fn marks_are_believed_and_are_no_text() {
    for text in ["", "a", "ab", "é", "Zoë 山 🦀\n"] {
        reads(text.as_bytes(), text, Encoding::Utf8);
        reads(format!("\u{feff}{text}").as_bytes(), text, Encoding::Utf8);
    }
    let text = "\u{feff}Zoë 山 🦀\n";
    for bytes in [utf16(text, u16::to_le_bytes), utf16(text, u16::to_be_bytes)] {
        assert_eq!(decoded(&bytes).0, &text[3..]);
    }
}

#[test]
fn utf_16_without_a_mark_or_broken_is_refused() {
    for bytes in [utf16("ab", u16::to_le_bytes), utf16("ab", u16::to_be_bytes)] {
        assert_eq!(decoded(&bytes).1, Some(Undecodable::UnmarkedUtf16));
    }
    refuses(b"\xff\xfea\0\x00\xd8b\0", "a", EncodingFault::NotUtf16);
    refuses(b"\xff\xfea\0b", "a", EncodingFault::NotUtf16);
}

#[test]
fn a_text_is_utf_8_throughout_or_nowhere() {
    reads(b"a\nZo\xeb\n", "a\nZoë\n", Encoding::Windows1252);
    refuses(b"\xc3\xa9\nZo\xeb\n", "é\nZo", EncodingFault::NotUtf8);
    refuses(b"a\nZo\xeb\n\xc3\xa9\n", "a\nZo", EncodingFault::NotUtf8);
    refuses(b"\xef\xbb\xbfZo\xeb\n", "Zo", EncodingFault::NotUtf8);
    for cut in [&b"\xc3\xa9\nZo\xc3"[..], b"Zo\xc3"] {
        assert_eq!(decoded(cut).1, Some(Undecodable::Next(EncodingFault::Cut)), "{cut:?}");
    }
    // Beyond what is compared.
    let long = [&b"M\xfcller\n"[..], &b"x\n".repeat(HELD), b"\xc3\xa9\n"].concat();
    let mut decoder = Decoder::new(true);
    let (mut input, mut text) = (long.as_slice(), String::new());
    let fault = loop {
        match decoder.next(&mut input, true) {
            Ok(more) => text.push_str(&more.unwrap()),
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault, Undecodable::Next(EncodingFault::Mixed));
    assert!(text.starts_with("Müller\n") && text.ends_with("x\n"));
    let mut decoder = Decoder::new(false);
    let mut input = &b"Zo\xeb\n"[..];
    assert_eq!(decoder.next(&mut input, true).unwrap().unwrap(), "Zo");
    assert_eq!(decoder.next(&mut input, true), Err(Undecodable::Next(EncodingFault::NotUtf8)));
}

#[test]
fn other_encodings_are_refused() {
    let written = |encoding: &'static Known, text: &str| encoding.encode(text).0.into_owned();
    for (encoding, text) in
        [(WINDOWS_1250, "Łucka;Wójcik\n"), (WINDOWS_1251, "Иван;Петров\n"), (SHIFT_JIS, "山田太郎\n")]
    {
        refuses(&written(encoding, text), "", EncodingFault::Other { name: encoding.name() });
    }
    refuses(b"ref\rM\x9fller\r", "ref\rM", EncodingFault::Macintosh);
    reads(b"ref\r\nM\xfcller\r\n", "ref\r\nMüller\r\n", Encoding::Windows1252);
    refuses(b"M\xfcller\nA\x81\n", "Müller\nA", EncodingFault::Unknown);
}
