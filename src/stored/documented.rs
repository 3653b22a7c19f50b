//! Test-only: checks that `docs/formats.md` shows the bytes and texts that tests assert.

const FORMATS: &str = include_str!("../../docs/formats.md");

/// Asserts that `docs/formats.md` shows this text, which clients hold.
pub(crate) fn assert_text_documented(text: &str) {
    let blocks = FORMATS.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut shown = blocks.flat_map(str::lines).filter_map(|line| line.split_whitespace().next());
    assert!(shown.any(|shown| shown == text), "docs/formats.md does not show {text}");
}

/// Asserts that a golden block of `docs/formats.md` consists of exactly these bytes.
pub(crate) fn assert_documented(bytes: &[u8]) {
    let wanted: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let blocks = FORMATS.split("```golden\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut golden = blocks.map(|block| {
        let lines = block.lines().map(|line| line.split('#').next().unwrap_or_default());
        lines.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect::<String>()
    });
    assert!(golden.any(|golden| golden == wanted), "docs/formats.md has no golden block {wanted}");
}
