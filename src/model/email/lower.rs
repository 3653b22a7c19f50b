//! Lower case without allocating where nothing changes.

use std::borrow::Cow;

pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        // Without a way out, so that many bytes are looked at at once.
        if text.bytes().fold(false, |found, byte| found | byte.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
}
