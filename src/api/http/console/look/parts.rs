//! Small parts of pages: numbers, times, values, labels.

use maud::{Markup, html};

use crate::model::session::FormProof;
use crate::model::{Member, Timestamp};

/// A number with its thousands apart: `1,204`.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many things a list has.
pub fn length(length: usize) -> String {
    number(u64::try_from(length).unwrap_or(u64::MAX))
}

/// A size: `512 MiB`, `1.4 GiB`.
pub fn bytes(bytes: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let Some((unit, bits)) = units.into_iter().find(|(_, bits)| bytes >> bits > 0) else {
        return format!("{bytes} B");
    };
    let whole = bytes >> bits;
    let tenths = ((bytes >> (bits - 10)) & 1023) * 10 / 1024;
    if whole < 10 && tenths > 0 {
        format!("{whole}.{tenths} {unit}")
    } else {
        format!("{} {unit}", number(whole))
    }
}

/// A time, to the minute. Times are those of UTC, as everywhere in the service.
pub fn time(at: Timestamp) -> Markup {
    let text = at.to_string();
    // `2026-02-03T04:05:06…` without its seconds.
    let shown = text.get(..16).unwrap_or(&text).replace('T', " ");
    html! { time datetime=(text) { (shown) " UTC" } }
}

/// A text that somebody else wrote. Its direction does not affect what stands beside it.
pub fn value(text: &str) -> Markup {
    html! { bdi.value dir="auto" { (text) } }
}

/// In place of a value that the token has no right to see.
pub fn hidden() -> Markup {
    html! { span.muted { "not visible with this token" } }
}

/// A member as people call it: its name, or else its key.
pub fn person(member: &Member) -> Markup {
    let profile = &member.profile;
    let names = [&profile.first_name, &profile.last_name].into_iter().flatten().map(|name| name.as_str());
    let name = names.collect::<Vec<_>>().join(" ");
    let name =
        if name.trim().is_empty() { profile.key().unwrap_or("without a name").to_owned() } else { name };
    value(&name)
}

/// A word in a frame of its own; `kind` says how it looks.
pub fn pill(kind: &str, word: &str) -> Markup {
    html! { span class={ "pill " (kind) } { (word) } }
}

/// The proof in a form.
pub fn proof(proof: FormProof) -> Markup {
    html! { input type="hidden" name="proof" value=(proof.to_text()); }
}

/// What an empty page says, and what to do next.
pub fn empty(title: &str, next: Markup) -> Markup {
    html! { div.empty { p.lead { (title) } (next) } }
}

/// What was done a moment ago, and the way back from it.
pub fn done(said: &Markup) -> Markup {
    html! { div.done role="status" { (said) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (value, text) in
            [(0, "0"), (999, "999"), (1_204, "1,204"), (1_000_000, "1,000,000"), (12_345, "12,345")]
        {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn sizes_have_the_unit_that_people_would_choose() {
        for (size, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            ((10 << 20) + (1 << 19), "10 MiB"),
            (1_500_000_000, "1.3 GiB"),
            (u64::MAX, "16,777,215 TiB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }

    #[test]
    fn what_somebody_wrote_becomes_no_markup() {
        let shown = value("<script>alert(1)</script>\" onload='x'").into_string();
        assert!(!shown.contains("<script") && shown.contains("&lt;script&gt;"), "{shown}");
        let at = Timestamp::from_micros(1_770_091_445_123_456);
        assert!(time(at).into_string().ends_with("04:04 UTC</time>"), "{}", time(at).into_string());
    }
}
