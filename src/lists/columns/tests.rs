use super::export::{COLUMNS as EXPORT_COLUMNS, SERVER_COLUMNS};
use super::{AttributeType, Column, Columns, FAILURE_COLUMNS, Wanted};
use crate::lists::{Field, Reading};

fn columns(header: &[&str]) -> Result<Columns, String> {
    let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
    let wanted = Wanted { required: vec![vec![Field::Ref, Field::Id]], ..Wanted::default() };
    let faults = |faults: Vec<super::HeadingFault>| {
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    Columns::from_header(&header, &wanted, Vec::new()).map_err(faults)
}

#[test]
fn names_match_without_case_spaces_hyphens_and_underscores() {
    let columns =
        columns(&["REF", " First Name", "last-name", "workerId", "E_Mail", "Enable Payroll"]).unwrap();
    let fields =
        [Field::Ref, Field::FirstName, Field::LastName, Field::WorkerId, Field::Email, Field::EnablePayroll];
    assert_eq!(columns.columns, fields.map(Column::Field));
}

#[test]
fn attributes_keep_their_key_and_may_have_a_type() {
    let columns = columns(&["ref", "Attributes.Shoe_Size:number", "attributes.shoe_size"]).unwrap();
    assert_eq!(columns.columns[1], Column::Attribute("Shoe_Size".into(), AttributeType::Number));
    assert_eq!(columns.columns[2], Column::Attribute("shoe_size".into(), AttributeType::Text));
}

#[test]
fn all_faults_are_reported_at_once() {
    let error = columns(&["email", "nickname", "E-Mail", "attributes.a:date"]).unwrap_err();
    for part in [
        "\"nickname\" is unknown",
        "\"E-Mail\" is a duplicate of column 1",
        "attributes.a:date",
        "no column \"ref\" or \"id\"",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn a_file_of_failed_rows_and_an_export_can_be_imported() {
    let columns = columns(&["id", "ref", "created_at", "line", "reason", "field", "message"]).unwrap();
    assert_eq!(columns.header, ["id", "ref", "created_at"]);
    assert_eq!(columns.columns.len(), 3);
    assert_eq!(columns.skipped().collect::<Vec<_>>(), ["created_at"]);
    assert!(self::columns(&["ref", "message"]).is_err());
}

#[test]
fn cells_added_by_a_file_of_failed_rows_are_distinguished_from_original_cells() {
    let failed = columns(&["ref", "tier", "", "line", "reason", "field", "message", "", ""]).unwrap();
    assert_eq!(failed.header, ["ref", "tier", ""]);
    for (cells, own) in [
        (&["a", "x", "", "7", "TIER_INVALID", "tier", "no"][..], Some(3)),
        (&["a", "x", "", "7", "TIER_INVALID", "tier", ""], Some(3)),
        (&["a", "x", "", "7", "TIER_INVALID", "tier", "", "", ""], Some(3)),
        (&["a", "x", "y", "z", "7", "CELL_COUNT", "", "4 cells"], Some(4)),
        (&["a", "7", "CELL_COUNT", "", "1 cell"], Some(1)),
        (&["a", "7", "CELL_COUNT", "", "1 cell", "", "", ""], Some(1)),
        (&["7", "CELL_COUNT", "", "none"], Some(0)),
        (&["a", "x"], None),
        (&["a", "x", "", "", "", "", ""], None),
    ] {
        assert_eq!(failed.split(cells).map(|(own, _)| own), own, "{cells:?}");
        assert_eq!(columns(&["ref"]).unwrap().split(cells).map(|(own, _)| own), Some(cells.len()));
    }
}

#[test]
fn an_export_is_read_as_it_is_and_other_files_are_not() {
    let header: Vec<&str> = EXPORT_COLUMNS.iter().chain(&SERVER_COLUMNS).copied().collect();
    assert_eq!(columns(&header).unwrap().reading, Reading::Guarded);
    assert_eq!(columns(&header[1..]).unwrap().reading, Reading::Cleaned);
    let failed = [&header[..], &FAILURE_COLUMNS].concat();
    assert_eq!(columns(&failed).unwrap().reading, Reading::Guarded);
    // Earlier versions wrote their cells without guards.
    let server = ["id", "member_base_id", "created_at", "updated_at", "revision"];
    let earlier: Vec<&str> = EXPORT_COLUMNS.into_iter().chain(server).collect();
    assert_eq!(columns(&earlier).unwrap().reading, Reading::Exact);
    let without_pii: Vec<&str> = earlier.into_iter().filter(|column| *column != "dob").collect();
    assert_eq!(columns(&without_pii).unwrap().reading, Reading::Exact);
}

#[test]
fn columns_without_a_name_are_no_columns_and_headings_are_cleaned() {
    let columns = columns(&["=\"ref\"", "", " 'tier", " "]).unwrap_err();
    assert!(columns.contains("\"'tier\" is unknown"), "{columns}");
    let columns = self::columns(&["=\"ref\"", "", " tier", " "]).unwrap();
    let unnamed = Column::Unnamed;
    assert_eq!(
        columns.columns,
        [Column::Field(Field::Ref), unnamed.clone(), Column::Field(Field::Tier), unnamed]
    );
    assert_eq!(columns.named(), 3);
}

#[test]
fn members_are_found_by_their_id_where_there_is_no_other_key() {
    assert!(columns(&["id", "tier"]).is_ok());
    assert!(columns(&["tier"]).unwrap_err().contains("no column \"ref\""));
}

#[test]
fn every_column_of_an_export_is_known() {
    let header: Vec<&str> = EXPORT_COLUMNS.iter().chain(&SERVER_COLUMNS).copied().collect();
    assert_eq!(columns(&header).unwrap().skipped().collect::<Vec<_>>(), SERVER_COLUMNS[1..]);
}

#[test]
fn one_attribute_cannot_come_from_two_columns() {
    assert!(columns(&["ref", "attributes", "attributes.a"]).is_err());
    assert!(columns(&["ref", "attributes.a", "attributes.a:number"]).is_err());
}

#[test]
fn columns_of_a_sheet_are_named_by_their_letters() {
    let header = ["ref".to_owned(), "nick".to_owned()];
    let faults = Columns::from_header(&header, &Wanted::default(), vec![1, 9]).unwrap_err();
    assert_eq!(faults[0].to_string(), "column J \"nick\" is unknown");
}

#[test]
fn a_caller_takes_some_fields_only_and_renames_headings() {
    let wanted = Wanted {
        fields: vec![Field::Email, Field::WorkerId],
        renamed: vec![("Staff No".to_owned(), "worker_id".to_owned())],
        ..Wanted::default()
    };
    let read = |header: [&str; 2]| Columns::from_header(&header.map(str::to_owned), &wanted, Vec::new());
    let columns = read(["e-mail", "staff_no"]).unwrap();
    assert!(columns.has(Field::WorkerId) && columns.has(Field::Email) && !columns.has(Field::Ref));
    for header in [["email", "ref"], ["email", "attributes.x"]] {
        assert!(read(header).is_err(), "{header:?}");
    }
}
