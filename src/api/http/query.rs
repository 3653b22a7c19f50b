//! The parameters of a request, as they are in its URL.

use percent_encoding::percent_decode_str;

/// The description of the fault of a parameter that its call does not have.
pub const UNKNOWN: &str = "is not a parameter of this call";
/// The description of the fault of a parameter that may be sent only once.
pub const TWICE: &str = "is given twice";
/// The description of the fault of parameters with other bytes than UTF-8.
pub const NOT_UTF8: &str = "must be percent-encoded UTF-8";

/// The parameters in the order of the text: their names and values. `None` stands for one that is not valid
/// UTF-8.
pub fn pairs(text: &str) -> impl Iterator<Item = Option<(String, String)>> {
    text.split('&').flat_map(|pair| {
        // The parser would replace invalid UTF-8 with U+FFFD without reporting it.
        let is_utf8 = percent_decode_str(pair).decode_utf8().is_ok();
        let read = form_urlencoded::parse(pair.as_bytes()).into_owned().map(Some);
        let (bad, good) = if is_utf8 { (None, Some(read)) } else { (Some(None), None) };
        bad.into_iter().chain(good.into_iter().flatten())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_not_utf8_is_noticed_and_the_others_are_read() {
        let parsed: Vec<_> = pairs("a=%C3&b=%C3%A9&c%C3=%A9&&d&=e&f=1=2&g=%zz%EF%BF%BD").collect();
        let read = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        let expected = [
            None,
            read("b", "é"),
            None,
            read("d", ""),
            read("", "e"),
            read("f", "1=2"),
            read("g", "%zz\u{fffd}"),
        ];
        assert_eq!(parsed, expected);
        assert_eq!(pairs("").count(), 0);
    }
}
