//! What the cells of an `.ods` file read as.

use super::super::{CellFault, Content, Limits, Note, Refusal};
use super::made::{first, ods, read_with, refusal};

const HEADINGS: &str = "<table:table-row><table:table-cell office:value-type=\"string\"><text:p>worker_id</text:p>\
    </table:table-cell><table:table-cell office:value-type=\"string\"><text:p>name</text:p></table:table-cell>\
    <table:table-cell office:value-type=\"string\"><text:p>dob</text:p></table:table-cell></table:table-row>";

fn table(rows: &str) -> String {
    format!("<table:table table:name=\"Members\">{HEADINGS}{rows}</table:table>")
}

fn row(cells: &str) -> String {
    table(&format!("<table:table-row>{cells}</table:table-row>"))
}

fn text(cell: &str) -> String {
    format!("<table:table-cell office:value-type=\"string\">{cell}</table:table-cell>")
}

#[test]
fn numbers_are_no_keys_and_texts_where_the_sheet_shows_them_whole() {
    let cells = "<table:table-cell office:value-type=\"float\" office:value=\"123\"><text:p>00123</text:p></table:table-cell>\
        <table:table-cell office:value-type=\"float\" office:value=\"12.5\"><text:p>12.5</text:p></table:table-cell>\
        <table:table-cell office:value-type=\"percentage\" office:value=\"0.25\"><text:p>25%</text:p></table:table-cell>";
    let read = read_with(&ods("", &row(cells)), None, Limits::default()).unwrap();
    let cells = first(&read);
    let unknown = |number: &str| Err(CellFault::FormatUnknown(number.to_owned()));
    assert_eq!(cells[0].key(), unknown("123"));
    assert_eq!(cells[0].text(), unknown("123"));
    assert_eq!(cells[1].key(), unknown("12.5"));
    assert_eq!(cells[1].text().as_deref(), Ok("12.5"));
    assert_eq!(cells[2].text().as_deref(), Ok("25%"));
}

#[test]
fn texts_are_read_without_notes_and_with_their_spaces() {
    let cells = [
        text("<office:annotation><text:p>a note</text:p></office:annotation><text:p>Ada<text:s text:c=\"2\"/>  Example\n </text:p>"),
        text("<text:p><text:span>one</text:span></text:p>\n<text:p>two</text:p>"),
        text("<text:p>a &amp; b</text:p>"),
    ]
    .concat();
    let read = read_with(&ods("", &row(&cells)), None, Limits::default()).unwrap();
    let texts: Vec<_> = first(&read).into_iter().map(|cell| cell.content).collect();
    let expected = ["Ada   Example", "one\ntwo", "a & b"].map(Content::Text);
    assert_eq!(texts, expected);
}

#[test]
fn dates_booleans_and_errors_are_what_they_are() {
    let cells = "<table:table-cell office:value-type=\"boolean\" office:boolean-value=\"true\"><text:p>TRUE</text:p></table:table-cell>\
        <table:table-cell table:formula=\"of:=NA()\" office:value-type=\"string\"><text:p>#N/A</text:p></table:table-cell>\
        <table:table-cell office:value-type=\"date\" office:date-value=\"2024-01-05T09:30:00\"><text:p>05.01.24</text:p></table:table-cell>";
    let read = read_with(&ods("", &row(cells)), None, Limits::default()).unwrap();
    let cells = first(&read);
    assert_eq!(cells[0].text().as_deref(), Ok("TRUE"));
    assert_eq!(cells[1].text(), Err(CellFault::Error("#N/A")));
    assert_eq!(cells[2].date(), Err(CellFault::TimeOfDay("2024-01-05T09:30:00".to_owned())));
}

#[test]
fn hidden_sheets_rows_and_columns_are_left_out() {
    let styles = "<style:style style:name=\"gone\" style:family=\"table\"><style:table-properties table:display=\"false\"/></style:style>";
    let filled = text("<text:p>1</text:p>");
    let tables = format!(
        "<table:table table:name=\"Old\" table:style-name=\"gone\">{HEADINGS}</table:table>\
         <table:table table:name=\"Members\"><table:table-column/><table:table-column table:visibility=\"collapse\"/>{HEADINGS}\
         <table:table-row table:visibility=\"filter\" table:number-rows-repeated=\"3\">{filled}</table:table-row>\
         <table:table-row>{filled}</table:table-row>\
         <table:table-row table:number-rows-repeated=\"1048576\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>\
         </table:table>"
    );
    let read = read_with(&ods(styles, &tables), None, Limits::default()).unwrap();
    assert_eq!(read.notes(), [Note::HiddenRows(3), Note::HiddenColumns(1)]);
    assert_eq!(read.rows().map(|row| row.number()).collect::<Vec<_>>(), [5]);
}

#[test]
fn repeated_cells_are_counted_before_they_are_stored() {
    let cell = "<table:table-cell office:value-type=\"string\" table:number-columns-repeated=\"16384\"><text:p>x</text:p></table:table-cell>";
    let rows = format!("<table:table-row table:number-rows-repeated=\"1048000\">{cell}</table:table-row>");
    let limits = Limits { cells: 100_000, ..Limits::default() };
    let refused = refusal(read_with(&ods("", &table(&rows)), None, limits));
    assert_eq!(refused, "the number of filled cells of sheet \"Members\" exceeds 100000");
}

#[test]
fn what_is_kept_for_repeated_cells_and_for_sheets_is_short() {
    let long = "x".repeat(100_000);
    let cells = format!(
        "<table:table-cell office:value-type=\"date\" office:date-value=\"{long}\" table:number-columns-repeated=\"3\"/>"
    );
    let read = read_with(&ods("", &row(&cells)), None, Limits::default()).unwrap();
    assert_eq!(first(&read)[2].date(), Err(CellFault::NoSuchDate("x".repeat(40))));
    let named = row("").replace("Members", &long[..1_025]);
    let refused = refusal(read_with(&ods("", &named), None, Limits::default()));
    assert_eq!(refused, "cannot read content.xml: a name has more than 1024 bytes");
    let hidden = |style: usize| {
        format!(
            "<style:style style:name=\"{style}\"><style:table-properties table:display=\"false\"/></style:style>"
        )
    };
    let styles: String = (0..1_001).map(hidden).collect();
    let refused = refusal(read_with(&ods(&styles, &row("")), None, Limits::default()));
    assert_eq!(refused, "cannot read content.xml: it holds more than 1000 styles of sheets");
}

#[test]
fn merged_cells_several_sheets_and_links_are_refused() {
    let spanned = "<table:table-cell office:value-type=\"string\" table:number-rows-spanned=\"2\"><text:p>1</text:p></table:table-cell>";
    let rows = format!(
        "<table:table-row>{spanned}</table:table-row><table:table-row><table:covered-table-cell/>{}</table:table-row>",
        text("<text:p>Ada</text:p>")
    );
    let refused = refusal(read_with(&ods("", &table(&rows)), None, Limits::default()));
    assert!(refused.starts_with("sheet \"Members\", A3: covered by the merged cell A2:A3"), "{refused}");
    let two = format!("{}{}", table(""), table("").replace("Members", "Others"));
    assert!(matches!(read_with(&ods("", &two), None, Limits::default()), Err(Refusal::SeveralSheets { .. })));
    let linked = "<table:table table:name=\"A\"><table:table-source/></table:table>";
    assert!(matches!(
        read_with(&ods("", linked), None, Limits::default()),
        Err(Refusal::ExternalLink { .. })
    ));
}
