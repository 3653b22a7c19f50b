//! E-mail addresses as JSON Schema.
//!
//! - Every address that the model accepts matches the pattern, so a caller that validates its requests never
//!   rejects a good address.
//! - The pattern rejects what can be rejected without Unicode tables. Other rules, such as those about
//!   invisible characters or about labels that DNS cannot represent, are in the description, or only the
//!   server checks them.
//! - Replies have no pattern, because an earlier version may have accepted the address under weaker rules.

use schemars::generate::Contract;
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::model::limits::EMAIL_MAX_BYTES;

/// An address as a caller sends it, or as it is shown.
pub fn schema(generator: &SchemaGenerator) -> Schema {
    if *generator.contract() == Contract::Serialize {
        return json_schema!({ "type": "string", "maxLength": EMAIL_MAX_BYTES });
    }
    json_schema!({
        "type": "string", "maxLength": EMAIL_MAX_BYTES, "pattern": pattern(),
        "description": format!(
            "at most {EMAIL_MAX_BYTES} bytes of UTF-8 without invisible characters; the domain can exist, and stands in its \
             own letters or as DNS has it"
        ),
    })
}

fn pattern() -> String {
    let run = r#"[^<>()\[\]\\.,;:@"\s\u0000-\u001f\u007f-\u009f]+"#;
    let local = format!(r#"{run}(\.{run})*|"[^\u0000-\u001f\u007f-\u009f]+""#);
    // Classes are negated, so that they mean the same to engines that match characters and to engines that
    // match UTF-16 code units. These are the dots between labels.
    let dots = r".\u3002\uff0e\uff61";
    let inner = format!(r"[^\u0000-,/:-@\[-`{{-\u009f{dots}]");
    let edge = format!(r"[^\u0000-/:-@\[-`{{-\u009f{dots}]");
    let foreign = format!(r"[^\u0000-\u009f{dots}]");
    let ascii_label = "[0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?";
    let foreign_label = format!("({edge}{inner}*)?{foreign}({inner}*{edge})?");
    let top = format!("[A-Za-z]{{2,63}}|[Xx][Nn]--[0-9A-Za-z-]{{0,58}}[0-9A-Za-z]|{foreign_label}");
    let host = format!("(({ascii_label}|{foreign_label})[{dots}])+({top})");
    let octet = "(25[0-5]|2[0-4][0-9]|[01]?[0-9]?[0-9])";
    format!(r"^({local})@({host}|\[{octet}(\.{octet}){{3}}\])$")
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::model::Email;

    #[test]
    fn the_pattern_agrees_with_the_model() {
        let pattern = Regex::new(&pattern()).unwrap();
        let (x62, x63, x64) = ("x".repeat(62), "x".repeat(63), "x".repeat(64));
        for taken in [
            "a@b.cd",
            "First.Last+tag@Sub.Example-Host.CO.uk",
            "o'neill@example.com",
            "!#$%&'*+/=?^_`{|}~-@example.com",
            "-@a.ab",
            "zoë@example.com",
            "用户@例え.テスト",
            "用户@例え。テスト",
            "a@ｅｘａｍｐｌｅ．com",
            "user@пример.рф",
            "user@xn--e1afmkfd.xn--p1ai",
            "user@XN--E1AFMKFD.XN--P1AI",
            "user@bücher.example",
            "user@bu\u{308}cher.example",
            "user@example.भारत",
            "a@b.ü",
            "a@1.2.abc",
            "a@a--b.example.com",
            "\"a@b c\"@example.com",
            "\"\"\"@example.com",
            "a@[127.0.0.1]",
            "a@[255.255.001.0]",
            &format!("a@{x63}.com"),
            &format!("a@b.{x63}"),
            &format!("{x62}@{}.com", "é".repeat(40)),
        ] {
            assert!(Email::parse(taken).is_ok(), "{taken}");
            assert!(pattern.is_match(taken), "{taken}");
        }
        for refused in [
            "",
            "a",
            "@b.cd",
            "a@b",
            "a@b.c",
            "a@b.c1",
            "a@b..cd",
            "a@.cd",
            "a@b.cd.",
            "a@b_c.de",
            "a@bü_cher.de",
            "a@-a.com",
            "a@a-.com",
            "a@-bücher.example",
            "a@bücher-.example",
            "a@bücher..example",
            "a@b.xn--",
            "a@пример",
            "a..b@b.cd",
            ".a@b.cd",
            "a.@b.cd",
            "a b@b.cd",
            "a\u{a0}b@b.cd",
            "a@b@c.de",
            "a,b@c.de",
            "\"\"@b.cd",
            "\"a\"b@c.de",
            "a\n@b.cd",
            "a@b.cd\n",
            " a@b.cd",
            "a@127.0.0.1",
            "a@[127.0.0]",
            "a@[127.0.0.256]",
            "a@[127]0]0]1]",
            "a@[127.0.0.1",
            "a@[127.0.0.1.",
            &format!("a@{x64}.com"),
            &format!("a@b.{x64}"),
        ] {
            assert!(Email::parse(refused).is_err(), "{refused:?}");
            assert!(!pattern.is_match(refused), "{refused:?}");
        }
        // What the pattern cannot say.
        for wider in [
            "a@xn--.xn--p1ai.com",
            "a@xn--zzzzzz-.com",
            "a@a\u{2ff0}b.com",
            "a\u{200b}b@b.cd",
            "a@b.１２",
            &format!("a@{}.example", "ü".repeat(60)),
        ] {
            assert!(Email::parse(wider).is_err(), "{wider}");
        }
    }

    #[test]
    fn the_pattern_takes_every_character_that_the_model_takes() {
        let pattern = Regex::new(&pattern()).unwrap();
        // Ideographs and syllables beyond are all of one kind, so that some of them are enough.
        let all =
            ('\0'..'\u{3400}').chain(('\u{3400}'..=char::MAX).step_by(211)).chain('\u{f900}'..='\u{ffff}');
        let mut taken = 0;
        for character in all {
            for text in [
                format!("a{character}b@b.cd"),
                format!("a@{character}b.cd"),
                format!("a@b{character}cd"),
                format!("a@b{character}.cd"),
                format!("a@b.c{character}"),
                format!("a@b.{character}d"),
            ] {
                if Email::parse(text.as_str()).is_ok() {
                    assert!(pattern.is_match(&text), "{text:?}");
                    taken += 1;
                }
            }
        }
        assert!(taken > 30_000, "{taken}");
    }
}
