//! Dialects and damaged texts: each is read as a person would, or refused with its line and column.

use super::{placed, read, said};
use crate::lists::columns::Wanted;
use crate::lists::{Field, Format, Options, Reading};

/// The rows as `2:a|Ada|gold` (the line, then `ref`, `first_name` and `tier`; `~` for a column that is not
/// there), faults as `3! CELL_COUNT tier`, and at the end a refusal.
fn told(bytes: &[u8], options: &Options) -> String {
    let (rows, end) = read(bytes, options);
    let mut told: Vec<String> = rows
        .iter()
        .map(|row| match row.read() {
            Ok(raw) => {
                let cells = ["ref", "first_name", "tier"].map(|name| said(&raw, name).unwrap_or("~".into()));
                format!("{}:{}", row.number(), cells.join("|"))
            }
            Err(fault) => placed(row, &fault).replacen(':', "!", 1),
        })
        .collect();
    if let Err(refusal) = end {
        told.push(format!("refused: {refusal}"));
    }
    told.join(" / ")
}

/// Text, and what it says; a refusal is compared as far as it is given.
type Case = (&'static [u8], &'static str);

#[track_caller]
fn check(cases: &[Case], options: &Options) {
    for (bytes, expected) in cases {
        let told = told(bytes, options);
        let is_expected = match expected.split_once("refused: ") {
            Some(_) => told.starts_with(expected),
            None => told == *expected,
        };
        assert!(
            is_expected,
            "{:?}\n  says     {told}\n  expected {expected}",
            String::from_utf8_lossy(bytes)
        );
    }
}

const DELIMITERS: [Case; 19] = [
    (b"ref,first_name,tier\na,Ada,gold\n", "2:a|Ada|gold"),
    (b"ref;first_name;tier\na;Ada;gold\n", "2:a|Ada|gold"),
    (b"ref\tfirst_name\ttier\na\tAda\tgold\n", "2:a|Ada|gold"),
    (b"ref|first_name|tier\na|Ada|gold\n", "2:a|Ada|gold"),
    (b"ref\na\n", "2:a|~|~"),
    (b"\"ref\";\"first_name\"\n\"a\";\"Lee, Bob\"\n", "2:a|Lee, Bob|~"),
    (b"ref;first_name\na;Lee, Bob\n", "2:a|Lee, Bob|~"),
    (b"ref\tfirst_name\na\tLee; Bob | x, y\n", "2:a|Lee; Bob | x, y|~"),
    (b"sep=;\nref;tier\na;x\n", "3:a|~|x"),
    (b"sep=,\r\nref,tier\r\na,x\r\n", "3:a|~|x"),
    (b"\"sep=|\"\nref|tier\na|x\n", "3:a|~|x"),
    (b"SEP=^\nref^tier\na^x\n", "3:a|~|x"),
    (b"\xef\xbb\xbfsep=;\nref;tier\na;x\n", "3:a|~|x"),
    (
        b"sep=;\nref,tier\na,x\n",
        "refused: line 2: the first line has only one column, and its name contains ','",
    ),
    (b"sep=;;\nref\na\n", "refused: line 1: column 1 \"sep=\" is unknown"),
    (b"sep=\nref\na\n", "refused: line 1: column 1 \"sep=\" is unknown"),
    (b"ref:tier\na:x\n", "refused: line 1: column 1 \"ref:tier\" is unknown"),
    (b"\n\n;;\nref;tier\na;x\n", "5:a|~|x"),
    (b"ref;tier;\na;x;\nb;y\n", "2:a|~|x / 3:b|~|y"),
];

const LINES: [Case; 14] = [
    (b"ref,tier\r\na,x\r\nb,y", "2:a|~|x / 3:b|~|y"),
    (b"ref,tier\ra,x\rb,y\r", "2:a|~|x / 3:b|~|y"),
    (b"ref,tier\r\na,x\nb,y\rc,z", "2:a|~|x / 3:b|~|y / 4:c|~|z"),
    (b"ref,tier\n\na,x\n\n\nb,y\n", "3:a|~|x / 6:b|~|y"),
    (b"ref,tier\n,\n \t,\na,x\n,,,\n", "4:a|~|x"),
    (b"ref,tier\n\xc2\xa0\na,x\n", "3:a|~|x"),
    (b"ref,tier\na,\"x\ny\"\nb,z\n", "2:a|~|x\ny / 4:b|~|z"),
    (b"ref,tier\na,\"x\r\ny\rz\"\nb,z\n", "2:a|~|x\ny\nz / 5:b|~|z"),
    (b"\"ref\n\",tier\na,x\n", "3:a|~|x"),
    (b"ref,tier\n\n", ""),
    (b"ref,tier", ""),
    (b"", "refused: the file is empty"),
    (b"\xef\xbb\xbf", "refused: the file is empty"),
    (b"\r\n , \n", "refused: the file is empty"),
];

const QUOTES: [Case; 20] = [
    (b"ref,tier\n\"a\",\"x\"\"y\"\n", "2:a|~|x\"y"),
    (b"ref,tier\na,5\" pipe\n", "2:a|~|5\" pipe"),
    (b"ref,tier\na,\"\"\n", "2:a|~|"),
    (b"ref,tier\na,\"x\"y\nb,z\n", "refused: line 2: text comes after the closing quote"),
    (
        b"ref,tier\na,x\nb,\"y\nc,z\n",
        "2:a|~|x / refused: line 3: the quote that is opened here is never closed",
    ),
    (b"ref,tier\na,\"x\nb,y\nc,\"z\"\n", "refused: line 2: text comes after the closing quote"),
    (b"ref,tier\na,\"x\" \n", "refused: line 2: text comes after the closing quote"),
    (
        b"ref,tier\na, \"x\"\n",
        "refused: line 2, column 2: there are spaces between the delimiter and a quote",
    ),
    (b"ref,tier\na,\\\"x\\\"\n", "refused: line 2: there is a backslash before a quote"),
    (b"ref,tier\na,\"x\\\"y\"\n", "refused: line 2: there is a backslash before a quote"),
    (b"ref,tier\na,c:\\x\n", "2:a|~|c:\\x"),
    (b"ref,\"tier\na,x\n", "refused: line 1: the quote that is opened here is never closed"),
    (b"ref,tier\n'a','x'\n", "2:'a'|~|'x'"),
    (b"ref,tier\na,x\0\n", "refused: line 2, column 2: the control character U+0000"),
    (b"ref,tier\na,\"x\x0c\"\n", "refused: line 2, column 2: the control character U+000C"),
    (b"ref,tier\na,x\x1a\n", "refused: line 2, column 2: the control character U+001A"),
    (b"ref,tier\n\x7fa,x\n", "refused: line 2, column 1: the control character U+007F"),
    (b"ref,tier\na,x\ty\n", "2:a|~|x\ty"),
    (b"ref;tier\na;\"x;y\"\nb;z\n", "2:a|~|x;y / 3:b|~|z"),
    (b"\"ref\"\"\",tier\na,x\n", "refused: line 1: column 1 \"ref\\\"\" is unknown"),
];

const ENCODINGS: [Case; 15] = [
    (b"\xef\xbb\xbfref,tier\na,\xc3\xa9\n", "2:a|~|é"),
    (b"\xef\xbb\xbf\"ref\",tier\na,x\n", "2:a|~|x"),
    (b"ref,tier\na,\xe9t\xe9\n", "2:a|~|été"),
    (b"ref,tier\na,M\xfcller \x80 \x93x\x94\n", "2:a|~|Müller € “x”"),
    (b"ref,tier\na,\xc3\xa9\nb,\xe9\n", "2:a|~|é / refused: line 3, column \"tier\": not valid UTF-8"),
    (b"ref,tier\na,\xe9t\xe9\nb,\xc3\xa9\n", "refused: line 2, column \"tier\": not valid UTF-8"),
    (b"\xef\xbb\xbfref,tier\na,\xe9t\xe9\n", "refused: line 2, column \"tier\": not valid UTF-8"),
    (
        b"ref,tier\na,x\nb,\xc3",
        "2:a|~|x / refused: line 3, column \"tier\": the file ends inside a character",
    ),
    (
        b"ref,tier\ra,M\x9fller\r",
        "refused: line 2, column \"tier\": not valid UTF-8, and the lines end as in old",
    ),
    (
        b"ref,tier\na,Wa\xb3\xeasa \xa3ucka\n",
        "refused: line 2, column \"tier\": not valid UTF-8, but probably windows-1250",
    ),
    (
        b"ref,tier\n\xc8\xe2\xe0\xed,\xcf\xe5\xf2\xf0\xee\xe2\n",
        "refused: line 2, column \"ref\": not valid UTF-8, but probably windows-1251",
    ),
    (b"ref,pr\xe9nom\n", "refused: line 1: column 2 \"prénom\" is unknown"),
    (b"\xff\xfer\0e\0f\0\n\0a\0\n\0", "2:a|~|~"),
    (b"\xfe\xff\0r\0e\0f\0\n\0\xe9", "2:é|~|~"),
    (b"r\0e\0f\0\n\0", "refused: the file is UTF-16; save it as UTF-8"),
];

const CELLS: [Case; 23] = [
    (b"ref,tier\n a , x y \n", "2:a|~|x y"),
    (b"ref,tier\n=\"00101\",=\"x\"\n", "2:00101|~|x"),
    (b"ref,tier\n\"=\"\"00101\"\"\",x\n", "2:00101|~|x"),
    (b"ref,tier\na,'+44\nb,'t Hooft\n", "2:a|~|+44 / 3:b|~|'t Hooft"),
    (b"ref,tier\na,\\N\n", "2! CELL_INVALID tier"),
    (b"ref,tier\n101.0,x\n", "2! NUMBER_NOT_TEXT ref"),
    (b"ref,tier\n4.47E+11,x\n", "2! NUMBER_NOT_TEXT ref"),
    (b"ref,tier\n01E05,x\n1.5,y\n", "2:01E05|~|x / 3:1.5|~|y"),
    (b"ref,tier\na,4.5E+3\n", "2:a|~|4.5E+3"),
    (b"ref,tier\na,#N/A\nb,#1\n", "2! CELL_INVALID tier / 3:b|~|#1"),
    (b"ref,tier\na,\n", "2:a|~|"),
    (b"ref,tier\na\n", "2! CELL_COUNT"),
    (b"ref,tier\na,x,y\n", "2! CELL_COUNT"),
    (b"ref,tier\na,x,,\n", "2:a|~|x"),
    (b"ref,,tier\na,,x\nb,y,x\n", "2:a|~|x / 3! CELL_COUNT"),
    (b"ref,tier\na,x\nref,tier\nb,y\n", "2:a|~|x / 3! HEADER_REPEATED / 4:b|~|y"),
    (b"ref,tier,enable_payroll\na,x,maybe\nb,y,TRUE\n", "2! INVALID_BOOLEAN enable_payroll / 3:b|~|y"),
    (b"ref,attributes\na,{\n", "2! INVALID_JSON attributes"),
    (b"ref,attributes.n:number\na,x\n", "2! INVALID_NUMBER attributes.n:number"),
    (b"Ref,First Name,TIER\na,Ada,x\n", "2:a|Ada|x"),
    (b"r_e-f,first-name,Ti er\na,Ada,x\n", "2:a|Ada|x"),
    (b"\"=\"\"ref\"\"\",'tier\na,x\n", "refused: line 1: column 2 \"'tier\" is unknown"),
    (b"created_at,ref,tier\nnow,a,x\n", "2:a|~|x"),
];

const HEADINGS: [Case; 9] = [
    (
        b"ref,nick,shoe\na,b,c\n",
        "refused: line 1: column 2 \"nick\" is unknown; column 3 \"shoe\" is unknown; known",
    ),
    (b"\nref,Tier,tier\n", "refused: line 2: column 3 \"tier\" is a duplicate of column 2 \"Tier\""),
    (b"ref,first_name,First-Name\n", "refused: line 1: column 3 \"First-Name\" is a duplicate of column 2"),
    (b"tier\nx\n", "refused: line 1: there is no column \"ref\" or \"id\""),
    (b"id,tier\nm_1,x\n", "2:~|~|x"),
    (b"ref,attributes,attributes.a\n", "refused: line 1: give either the column attributes or"),
    (
        b"ref,attributes.a,attributes.a:number\n",
        "refused: line 1: column 3 \"attributes.a:number\" is a duplicate",
    ),
    (b"ref,attributes.a:date\n", "refused: line 1: column 2 \"attributes.a:date\" is unknown"),
    (b"a,b\nref,tier\n", "refused: line 1: column 1 \"a\" is unknown"),
];

const NDJSON: [Case; 9] = [
    (b"{\"ref\":\"a\",\"tier\":null}\n\n{\"ref\":\"b\"}", "1:a|~| / 3:b|~|~"),
    (b"\xef\xbb\xbf{\"ref\":\"a\"}\r\n", "1:a|~|~"),
    (b"{\"ref\":7}\n{\"nick\":1}\n", "1! INVALID_FIELD ref / 2! UNKNOWN_FIELD nick"),
    (b"{\"ref\":\"a\"\nnonsense\n", "1! INVALID_JSON / 2! INVALID_JSON"),
    (b"{\"ref\":\"a\",\"ref\":\"b\"}\n", "1! INVALID_FIELD ref"),
    (b"{\"ref\":\"a\"}\n{\"ref\":\"\xe9\"}\n", "1:a|~|~ / refused: line 2: not valid UTF-8"),
    (b"{\"ref\":\"a\"}\n{\"ref\":\"\xc3", "1:a|~|~ / refused: line 2: the file ends inside a character"),
    (b"{\0\"\0", "refused: the file is UTF-16"),
    (b"[{\"ref\":\"a\"}]\n", "1! INVALID_JSON"),
];

fn options(format: Option<Format>) -> Options {
    let columns = Wanted { required: vec![vec![Field::Ref, Field::Id]], ..Wanted::default() };
    Options { format, columns, ..Options::default() }
}

#[test]
fn the_delimiter_is_found() {
    check(&DELIMITERS, &options(Some(Format::Csv)));
    let tsv = options(Some(Format::Tsv));
    check(&[(b"ref\ttier\na\tx, y; z\n", "2:a|~|x, y; z"), (b"ref\na\n", "2:a|~|~")], &tsv);
    let given = Options { delimiter: Some(b';'), ..options(Some(Format::Csv)) };
    check(&[(b"ref;tier\na;x\n", "2:a|~|x"), (b"ref,tier\n", "refused: line 1: the first line")], &given);
}

#[test]
fn lines_are_counted_and_blank_ones_are_no_rows() {
    check(&LINES, &options(Some(Format::Csv)));
}

#[test]
fn quotes_are_never_guessed_at() {
    check(&QUOTES, &options(Some(Format::Csv)));
}

#[test]
fn a_text_has_one_encoding() {
    check(&ENCODINGS, &options(Some(Format::Csv)));
}

#[test]
fn cells_say_what_their_authors_see() {
    check(&CELLS, &options(Some(Format::Csv)));
    let mut exact = options(Some(Format::Csv));
    exact.columns.reading = Reading::Exact;
    check(
        &[(b"ref,tier\n a ,'+44\nb,\\N\n101.0,#N/A\n", "2: a |~|'+44 / 3:b|~|\\N / 4:101.0|~|#N/A")],
        &exact,
    );
}

#[test]
fn headings_are_refused_before_any_row() {
    check(&HEADINGS, &options(Some(Format::Csv)));
}

#[test]
fn ndjson_has_one_object_a_line() {
    check(&NDJSON, &options(Some(Format::Ndjson)));
}

#[test]
fn without_a_format_the_first_bytes_decide() {
    let cases: [Case; 5] = [
        (b"ref,tier\na,x\n", "2:a|~|x"),
        (b"\n {\"ref\":\"a\"}\n", "2:a|~|~"),
        (b"ref\na", "2:a|~|~"),
        (b"PK\x03\x04 not really", "refused: cannot read"),
        (b"", "refused: the file is empty"),
    ];
    check(&cases, &options(None));
    let refused = [(&b"PK\x03\x04ref,tier\n"[..], "refused: the file is a spreadsheet, not CSV")];
    check(&refused, &options(Some(Format::Csv)));
    check(&[(b"ref,tier\na,x\n", "refused: not a spreadsheet")], &options(Some(Format::Workbook)));
}
