//! Lower case without allocating where nothing changes.

use std::borrow::Cow;

pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        // Without an early exit, so that the compiler can check many bytes at once.
        if text.bytes().fold(false, |found, byte| found | byte.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
}
