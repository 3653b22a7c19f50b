use proptest::prelude::*;

use super::super::fault::TextFault;
use super::super::limits::MAX_ROW_BYTES;
use super::Splitter;

type Rows = Vec<(u64, Vec<String>)>;

/// The rows of `text` with their lines, cut from pieces of `step` characters.
fn split_by(text: &str, step: usize) -> Result<Rows, TextFault> {
    let mut splitter = Splitter::new(b',', 1);
    let mut rows = Rows::new();
    let row = |splitter: &Splitter| (splitter.row_line(), splitter.cells().map(str::to_owned).collect());
    let characters: Vec<char> = text.chars().collect();
    for piece in characters.chunks(step) {
        let piece: String = piece.iter().collect();
        let mut piece = piece.as_str();
        while !piece.is_empty() {
            let (taken, is_whole) = splitter.take(piece)?;
            piece = &piece[taken..];
            if is_whole {
                rows.push(row(&splitter));
            }
        }
    }
    if splitter.end()? {
        rows.push(row(&splitter));
    }
    Ok(rows)
}

#[track_caller]
fn split(text: &str) -> Result<Rows, TextFault> {
    let all = split_by(text, text.len().max(1));
    assert_eq!(all, split_by(text, 1), "{text:?} character by character");
    all
}

#[track_caller]
fn assert_rows(text: &str, rows: &[(u64, &[&str])]) {
    let got = split(text).unwrap();
    let got: Vec<(u64, Vec<&str>)> =
        got.iter().map(|(line, cells)| (*line, cells.iter().map(String::as_str).collect())).collect();
    let rows: Vec<(u64, Vec<&str>)> = rows.iter().map(|(line, cells)| (*line, cells.to_vec())).collect();
    assert_eq!(got, rows, "{text:?}");
}

#[test]
fn lines_are_counted_with_any_line_ending() {
    for newline in ["\n", "\r\n", "\r"] {
        let text = ["a,b", "\"two", "lines\",c", "", "", "d", "\"\"", "e,"].join(newline);
        let two = format!("two{newline}lines");
        assert_rows(&text, &[(1, &["a", "b"]), (2, &[&two, "c"]), (6, &["d"]), (7, &[""]), (8, &["e", ""])]);
    }
    assert_rows("a\r\nb\nc\rd", &[(1, &["a"]), (2, &["b"]), (3, &["c"]), (4, &["d"])]);
    assert_rows("\"a\r\n\"\r\n\r\n\rb", &[(1, &["a\r\n"]), (5, &["b"])]);
}

#[test]
fn text_after_a_closing_quote_names_the_line_where_the_quote_was_opened() {
    for (text, opened) in [
        ("a,b\n\"Bob\" Bobby,c\n", 2),
        ("a\n\"12\" Pizza Ltd\"\n", 2),
        ("id,likes,email\nu1,\"likes tea,ann@x\nu2,\"coffee\",bob@x\n", 2),
        ("a\nb\n\"x\ny\n\"z\"\n", 3),
        ("\"a\" ,b", 1),
        ("\"a\"\u{0}", 1),
        ("\"a\"é", 1),
    ] {
        assert_eq!(split(text), Err(TextFault::TextAfterQuote { opened }), "{text:?}");
    }
}

#[test]
fn spaces_before_a_quote_are_not_guessed_at() {
    for (text, line, column) in [
        ("ref, \"Lee, Bob\"\n", 1, 2),
        ("a\n  \"b\"", 2, 1),
        ("a,\t\"b\"", 1, 2),
        ("a,b\n\"c\nd\", \"e\"", 3, 2),
    ] {
        assert_eq!(split(text), Err(TextFault::SpaceBeforeQuote { line, column }), "{text:?}");
    }
    assert_rows("5\" pipe,a \"b\" c", &[(1, &["5\" pipe", "a \"b\" c"])]);
}

#[test]
fn a_file_that_ends_inside_a_quote_names_the_line_where_it_was_opened() {
    for (text, opened) in [("a\r\r\"b\rc", 3), ("a,b\r\nc,\"d\r\n", 2), ("\"", 1), ("\"a\"\"", 1)] {
        assert_eq!(split(text), Err(TextFault::Unclosed { opened }), "{text:?}");
    }
}

#[test]
fn a_backslash_before_a_quote_is_refused_where_it_may_be_an_escape() {
    for text in ["a\nde \\\"Muster\\\"\n", "a\n\"Bob \\\"Bobby\\\" Lee\"", "a\n\"b\\\"", "a\n\"b\\\",c"] {
        assert_eq!(split(text), Err(TextFault::Backslash { line: 2 }), "{text:?}");
    }
    assert_rows("\"{\"\"a\"\": \"\"\\\"\"\"\"}\"", &[(1, &["{\"a\": \"\\\"\"}"])]);
    assert_rows("a\\,b", &[(1, &["a\\", "b"])]);
    let mut splitter = Splitter::new(b',', 1);
    splitter.take_backslash();
    assert_eq!(splitter.take("\"a\\\",b\\\"\n").unwrap(), (9, true));
    assert_eq!(splitter.cells().collect::<Vec<_>>(), ["a\\", "b\\\""]);
}

#[test]
fn a_quote_inside_a_plain_cell_is_text() {
    assert_rows("12\" Pizza,a \"b\"", &[(1, &["12\" Pizza", "a \"b\""])]);
}

#[test]
fn control_characters_are_refused_with_their_place_and_tabs_are_text() {
    assert_eq!(split("a\nb,c\u{0}d"), Err(TextFault::Control { line: 2, column: 2, byte: 0 }));
    assert_eq!(split("\"a\n\u{c}\""), Err(TextFault::Control { line: 2, column: 1, byte: 12 }));
    assert_rows("a\tb,\"\t\"", &[(1, &["a\tb", "\t"])]);
}

#[test]
fn a_row_without_end_is_refused() {
    let text = format!("a\n\nb,\"{}", "x,y\n".repeat(MAX_ROW_BYTES));
    assert_eq!(split_by(&text, 4096), Err(TextFault::TooLong { line: 3 }));
    let text = "ab,".repeat(MAX_ROW_BYTES);
    assert_eq!(split_by(&text, 4096), Err(TextFault::TooLong { line: 1 }));
    let text = "\n".repeat(2 * MAX_ROW_BYTES);
    assert_eq!(split_by(&text, 4096), Ok(Vec::new()));
}

#[test]
fn a_row_may_be_as_long_as_the_longest_and_no_longer() {
    for cells in [1, 2, 3, 700] {
        let cell = (MAX_ROW_BYTES - (cells - 1)) / cells;
        let first = "a".repeat(MAX_ROW_BYTES - (cells - 1) * (cell + 1));
        let row = format!("{first}{}", format!(",{}", "b".repeat(cell)).repeat(cells - 1));
        assert_eq!(row.len(), MAX_ROW_BYTES);
        for end in ["", "\n", "\r\nc", &format!("\n{}", "d,".repeat(99))] {
            let cut = split_by(&format!("{row}{end}"), 9_999_999).unwrap();
            assert_eq!((cut[0].0, cut[0].1.len(), &cut[0].1[0]), (1, cells, &first));
            let longer = format!("x{row}{end}");
            assert_eq!(split_by(&longer, 9_999_999), Err(TextFault::TooLong { line: 1 }), "{cells} {end:?}");
        }
    }
}

/// A cell of a well-formed file, often with special characters.
fn cell() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            Just('"'),
            Just(','),
            Just('\n'),
            Just('\r'),
            Just(' '),
            Just('a'),
            Just('é'),
            Just('\t')
        ],
        0..6,
    )
    .prop_map(|characters| characters.into_iter().collect())
}

/// The rows that the csv crate reads.
fn read_by_csv(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

proptest! {
    #[test]
    fn files_that_the_csv_crate_writes_are_cut_into_the_same_rows(
        rows in proptest::collection::vec(proptest::collection::vec(cell(), 1..5), 0..8),
        all_quoted: bool,
        end in prop_oneof![Just(csv::Terminator::CRLF), Just(csv::Terminator::Any(b'\n')), Just(csv::Terminator::Any(b'\r'))],
        step in 1_usize..9,
    ) {
        let style = if all_quoted { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut writer =
            csv::WriterBuilder::new().flexible(true).terminator(end).quote_style(style).from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let cut = split_by(&text, step).unwrap();
        let cells: Vec<Vec<String>> = cut.into_iter().map(|(_, cells)| cells).collect();
        prop_assert_eq!(&cells, &rows);
        prop_assert_eq!(cells, read_by_csv(&text));
    }

    /// For any text, the sizes of the pieces make no difference, and rows that are not refused equal those of
    /// the csv crate.
    #[test]
    fn any_text_is_cut_the_same_in_pieces_and_as_by_the_csv_crate_or_refused(
        text in proptest::collection::vec(
            prop_oneof![Just('"'), Just(','), Just('\n'), Just('\r'), Just(' '), Just('a'), Just('é')],
            0..24,
        ),
        step in 1_usize..5,
    ) {
        let text = String::from_iter(text);
        let cut = split_by(&text, text.len().max(1));
        prop_assert_eq!(&cut, &split_by(&text, step));
        if let Ok(cut) = cut {
            let cells: Vec<Vec<String>> = cut.into_iter().map(|(_, cells)| cells).collect();
            prop_assert_eq!(cells, read_by_csv(&text));
        }
    }

    /// Cells of long rows are cut many at a time, and one by one in short pieces.
    #[test]
    fn long_rows_are_cut_the_same_in_pieces_and_as_by_the_csv_crate_or_refused(
        parts in proptest::collection::vec(
            prop_oneof![
                20 => "[a-zé ]{0,9},",
                4 => "[a-z]{0,40}(\n|\r\n|\r)",
                3 => "\"[a-z,\n]{0,9}(\"\")?\",",
                1 => "[,\n\r]{1,3}",
                1 => "a\"b,",
                1 => Just(" \t,".to_owned()),
                1 => "[a-z,]{300}",
            ],
            0..60,
        ),
        has_fault in prop_oneof![9 => Just(""), 1 => Just("a\u{1}b"), 1 => Just("\"a\"b"), 1 => Just(" \"")],
        at: prop::sample::Index,
        step in prop_oneof![1_usize..90, Just(usize::MAX)],
    ) {
        let mut parts = parts;
        parts.insert(at.index(parts.len() + 1), has_fault.to_owned());
        let text = parts.concat();
        let cut = split_by(&text, usize::MAX);
        prop_assert_eq!(&cut, &split_by(&text, 1));
        prop_assert_eq!(&cut, &split_by(&text, step));
        if let Ok(cut) = cut {
            let cells: Vec<Vec<String>> = cut.into_iter().map(|(_, cells)| cells).collect();
            prop_assert_eq!(cells, read_by_csv(&text));
        }
    }
}
