//! What a reader holds and reports besides rows.

use super::read;
use crate::lists::text::MAX_ROW_BYTES;
use crate::lists::{Field, Format, Note, Options, Reader, Refusal};

fn csv() -> Options {
    Options { format: Some(Format::Csv), ..Options::default() }
}

#[test]
fn rows_come_while_the_text_arrives() {
    let mut reader = Reader::new(csv());
    let mut rows = Vec::new();
    reader.push(b"ref,ti", &mut rows).unwrap();
    assert!(reader.columns().is_none());
    reader.push(b"er\na,x\nb", &mut rows).unwrap();
    assert!(reader.columns().unwrap().has(Field::Tier));
    assert_eq!(rows.len(), 1);
    reader.push(b",y", &mut rows).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(reader.finish(&mut rows).unwrap().rows, 2);
}

#[test]
fn rows_before_a_fault_are_returned_and_the_refusal_stays() {
    let mut reader = Reader::new(csv());
    let mut rows = Vec::new();
    let refusal = reader.push(b"ref\na\nb\n\"c\"d\ne\n", &mut rows).unwrap_err();
    assert_eq!((rows.len(), refusal.place().unwrap().number()), (2, 4));
    assert_eq!(reader.push(b"f\n", &mut rows), Err(refusal.clone()));
    assert_eq!(reader.finish(&mut rows), Err(refusal));
    assert_eq!(rows.len(), 2);
}

#[test]
fn rows_of_a_long_push_are_those_of_many_short_ones() {
    let line = |n: usize| format!("r{n},\"t, {n}\",{}\n", "x".repeat(n % 90));
    let text = format!("ref,tier,role\n{}", (0..3_000).map(line).collect::<String>());
    let (rows, end) = read(text.as_bytes(), &csv());
    assert_eq!((rows.len(), end.unwrap().rows), (3_000, 3_000));
    for (n, row) in rows.iter().enumerate() {
        assert_eq!(row.number(), u64::try_from(n).unwrap() + 2);
        let cells: Vec<&str> = row.cells().collect();
        assert_eq!(cells, [format!("r{n}"), format!("t, {n}"), "x".repeat(n % 90)]);
    }
}

#[test]
fn a_row_without_end_is_refused_before_it_is_held() {
    let mut reader = Reader::new(csv());
    let mut rows = Vec::new();
    reader.push(b"ref,tier\na,\"", &mut rows).unwrap();
    let piece = [b'x'; 4096];
    let mut pushed = 0;
    let refusal = loop {
        match reader.push(&piece, &mut rows) {
            Ok(()) => pushed += piece.len(),
            Err(refusal) => break refusal,
        }
    };
    assert!(pushed <= MAX_ROW_BYTES, "{pushed}");
    assert!(matches!(refusal, Refusal::Text(_)), "{refusal}");
}

#[test]
fn a_spreadsheet_that_is_too_large_is_refused_before_its_end() {
    let mut options = Options { format: Some(Format::Workbook), ..Options::default() };
    options.limits.packed = 1 << 20;
    let mut reader = Reader::new(options);
    reader.push(b"PK\x03\x04", &mut Vec::new()).unwrap();
    reader.push(&vec![0; 1 << 19], &mut Vec::new()).unwrap();
    let refusal = reader.push(&vec![0; 1 << 19], &mut Vec::new()).unwrap_err().to_string();
    assert_eq!(refusal, "the file exceeds 1 MiB");
}

#[test]
fn what_a_person_should_look_at_is_noted() {
    let notes = |text: &[u8]| read(text, &csv()).1.unwrap().notes;
    assert_eq!(notes(b"ref,tier\na,\"x\ny\"\n"), []);
    let spread = Note::Spread { rows: 2, lines: vec![2, 5] };
    assert_eq!(notes(b"ref,tier\na,\"x\nb,y\"\nc,d\n\"e,\nf\",z\n"), [spread]);
    assert_eq!(notes(b"ref\n\xe9t\xe9\n"), [Note::Windows1252]);
}
