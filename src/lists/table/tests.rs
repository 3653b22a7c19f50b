use proptest::prelude::*;
use serde_json::json;

use crate::lists::columns::Wanted;
use crate::lists::{Format, ListRow, Options, Reader, Reading, RowAttributes, RowFault, RowRule};
use crate::model::{Change, RawRow, RowTexts};

type Read = Result<RawRow<RowAttributes>, RowFault>;

fn rows(text: &str, reading: Reading) -> Vec<ListRow> {
    let columns = Wanted { reading, ..Wanted::default() };
    let mut reader = Reader::new(Options { columns, ..Options::default() });
    let mut rows = Vec::new();
    reader.push(text.as_bytes(), &mut rows).unwrap();
    reader.finish(&mut rows).unwrap();
    rows
}

fn members(text: &str) -> Vec<Read> {
    rows(text, Reading::Cleaned).iter().map(ListRow::read).collect()
}

#[test]
fn columns_become_fields_and_empty_cells_differ_from_missing_columns() {
    let text = "Ref,first name,tier,Enable-Payroll,attributes.Team,attributes.age:number,attributes.on:boolean,attributes.x:json,attributes.no\n\
                a,Zoë,,yes,Ops,41.5,false,\"[\"\"p\"\",\"\"q\"\"]\",\n";
    let row = members(text).remove(0).unwrap();
    assert_eq!(row.ref_, Change::Set("a".into()));
    assert_eq!(row.first_name, Change::Set("Zoë".into()));
    assert_eq!((row.tier, row.role), (Change::Clear, Change::Keep));
    assert_eq!(row.enable_payroll, Change::Set(true));
    let (is_whole, values) = (row.attributes.is_whole, row.attributes.values);
    let given: serde_json::Map<_, _> =
        values.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect();
    assert_eq!(json!(given), json!({"Team": "Ops", "age": 41.5, "on": false, "x": ["p", "q"]}));
    assert_eq!((is_whole, values.last()), (false, Some(&("no".to_owned(), None))));
    let given = rows(text, Reading::Cleaned)[0].read_given().unwrap();
    assert!(given.tier.is_keep() && given.attributes.values.len() == 4);
}

#[test]
fn all_attributes_together_are_one_column() {
    let read = members("ref,attributes\na,\"{\"\"x\"\": null}\"\nb,\n");
    let attributes: Vec<_> = read.into_iter().map(|row| row.unwrap().attributes).collect();
    assert!(attributes.iter().all(|attributes| attributes.is_whole));
    assert_eq!(attributes[0].values, [("x".to_owned(), Some(serde_json::Value::Null))]);
    assert_eq!(attributes[1].values, []);
}

#[test]
fn accounts_are_put_together_and_judged_by_the_model() {
    let text = "ref,account_holder,sort_code,account_number,iban\na,A,12-34-56,12345678,\nb,B,,,DE89\nc,,,,\nd,D,123456,,DE89\ne,E,,,\n";
    let accounts: Vec<_> = members(text).into_iter().map(|row| row.unwrap().account_details).collect();
    let [Change::Set(uk), Change::Set(eu), Change::Clear, Change::Set(both), Change::Set(neither)] =
        &accounts[..]
    else {
        panic!("{accounts:?}")
    };
    let parts = uk.uk.as_ref().unwrap();
    assert_eq!((parts.account_holder.as_str(), parts.sort_code.as_str()), ("A", "12-34-56"));
    assert!(uk.eu.is_none() && parts.account_number == "12345678");
    assert_eq!(eu.eu.as_ref().unwrap().account_holder, "B");
    assert!(both.uk.is_some() && both.eu.is_some());
    assert!(neither.uk.is_none() && neither.eu.is_none());
    assert!(members("ref,account_holder\na,\n")[0].as_ref().unwrap().account_details.is_keep());
}

#[test]
fn a_row_that_cannot_be_read_fails_and_still_tells_whom_it_may_be_about() {
    let text = "ref,email,worker_id,enable_payroll,attributes.age:number\n";
    let text = format!("{text}a,a@x,7,maybe,\nb,,,,old\nc,\nd,,,,,x\n101.0,,,,\ne,,,,NaN\n");
    let rows = rows(&text, Reading::Cleaned);
    let rules: Vec<_> = rows.iter().map(|row| row.read().unwrap_err().rule).collect();
    let expected = [
        RowRule::InvalidBoolean,
        RowRule::InvalidNumber,
        RowRule::CellCount,
        RowRule::CellCount,
        RowRule::NumberNotText,
        RowRule::InvalidNumber,
    ];
    assert_eq!(rules, expected);
    let identity = rows[0].identity();
    assert_eq!(
        (identity.r#ref.as_deref(), identity.email.as_deref(), identity.worker_id.as_deref()),
        (Some("a"), Some("a@x"), Some("7"))
    );
    assert_eq!(rows[2].identity().r#ref.as_deref(), Some("c"));
    assert_eq!(members("ref,attributes\na,[1]\n").remove(0).unwrap_err().rule, RowRule::InvalidJson);
}

#[test]
fn empty_cells_at_the_end_and_under_no_name_are_nothing() {
    let text = "ref,,tier,\na,,x,\nb,,x\nc, ,x, ,,\nd,,x,,y\ne,y,x,\nf,\n";
    let (good, bad): (Vec<_>, Vec<_>) = members(text).into_iter().partition(Result::is_ok);
    let good: Vec<_> = good.into_iter().map(|row| row.unwrap().ref_).collect();
    assert_eq!(good, ["a", "b", "c"].map(|name| Change::Set(name.to_owned())));
    let bad: Vec<_> = bad.into_iter().map(Result::unwrap_err).collect();
    assert!(bad.iter().all(|fault| fault.rule == RowRule::CellCount), "{bad:?}");
    assert!(bad[1].message.contains("column 2"), "{bad:?}");
}

#[test]
fn a_header_in_the_middle_is_a_row_that_fails() {
    let read = members("ref,First Name\na,A\nRef,first_name\nref,x\n");
    assert_eq!(read[1].as_ref().unwrap_err().rule, RowRule::HeaderRepeated);
    assert_eq!(read[2].as_ref().unwrap().first_name, Change::Set("x".into()));
}

#[test]
fn cells_are_cleaned_unless_they_are_to_be_read_as_they_are() {
    let text = "ref,first_name,phone\n\" a \",\"=\"\"B\"\"\",'+44\n";
    let told = |reading| {
        let row = rows(text, reading)[0].read().unwrap();
        [row.ref_, row.first_name, row.phone].map(|change| change.as_set().unwrap().clone())
    };
    assert_eq!(told(Reading::Cleaned), ["a", "B", "+44"]);
    assert_eq!(told(Reading::Exact), [" a ", "=\"B\"", "'+44"]);
    let read = members("ref,tier,attributes.x\n101.0,,\na,\\N,\nb,,\\N\nc,#REF!,\n");
    let told: Vec<_> = read.into_iter().map(Result::unwrap_err).map(|f| (f.rule, f.column)).collect();
    let invalid = RowRule::CellInvalid;
    let expected =
        [(RowRule::NumberNotText, "ref"), (invalid, "tier"), (invalid, "attributes.x"), (invalid, "tier")];
    assert_eq!(told, expected.map(|(rule, column)| (rule, column.to_owned())));
}

#[test]
fn a_row_of_failed_rows_says_why_it_failed_and_fails_until_it_is_mended() {
    let text = "ref,tier,line,reason,field,message\na,#ERROR!,7,CELL_INVALID,tier,no\nb,x,8,TAKEN,,no\nc,x\n";
    for reading in [Reading::Cleaned, Reading::Exact] {
        let rows = rows(text, reading);
        assert_eq!(rows[0].earlier().unwrap().reason, "CELL_INVALID");
        assert_eq!(rows[0].read().unwrap_err().rule, RowRule::CellInvalid);
        assert_eq!((rows[1].own_cells(), rows[1].read().is_ok()), (vec!["b", "x"], true));
        assert_eq!(rows[2].read().unwrap_err().rule, RowRule::CellCount);
    }
}

fn texts(row: &ListRow) -> Option<RowTexts<'_>> {
    let mut texts = RowTexts::default();
    row.texts(&mut texts).then_some(texts)
}

#[test]
fn texts_say_what_is_read() {
    let text = "ref,email,first name,phone,dob,status,enable_payroll,gender,iban,note to self,account_holder\n\
                a,a@b.cd,Zoë,,1990-01-02,active,yes,Female,,x,\n\
                \"b\", b@b.cd ,\"M, N\",+441234567,,,no,,,,\n";
    let mut columns = Wanted::default();
    columns.renamed.push(("note to self".to_owned(), "company".to_owned()));
    let mut reader = Reader::new(Options { columns, ..Options::default() });
    let mut rows = Vec::new();
    reader.push(text.as_bytes(), &mut rows).unwrap();
    reader.finish(&mut rows).unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let (texts, read) = (texts(&row).unwrap(), row.read().unwrap());
        assert!(texts.has_no_controls);
        let same = |text: &Change<&str>, read: &Change<String>| {
            assert_eq!(text.as_set().map(|text| (*text).to_owned()), read.as_set().cloned());
            assert_eq!(text.is_keep(), read.is_keep());
        };
        same(&texts.ref_, &read.ref_);
        same(&texts.email, &read.email);
        same(&texts.first_name, &read.first_name);
        same(&texts.last_name, &read.last_name);
        same(&texts.phone, &read.phone);
        same(&texts.worker_id, &read.worker_id);
        same(&texts.tier, &read.tier);
        same(&texts.dob, &read.dob);
        same(&texts.gender, &read.gender);
        same(&texts.role, &read.role);
        same(&texts.company, &read.company);
        assert_eq!(texts.enable_payroll, read.enable_payroll);
        assert_eq!(texts.status.map(str::to_owned), read.status);
        assert!(texts.clears_account && matches!(read.account_details, Change::Clear));
    }
}

proptest! {
    #[test]
    fn texts_are_what_is_read_and_none_has_a_control_character_unknown(
        cells in proptest::collection::vec("[a1 '=\"\\\\N#+.E\t\r\n\u{85}é°]{0,5}", 3),
        delimiter in prop_oneof![Just(b','), Just(b'\t')],
        reading in prop_oneof![Just(Reading::Cleaned), Just(Reading::Exact)],
    ) {
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
        writer.write_record(["ref", "phone", "last_name"]).unwrap();
        writer.write_record(&cells).unwrap();
        let columns = Wanted { reading, ..Wanted::default() };
        let format = Some(Format::Csv);
        let mut reader = Reader::new(Options { format, delimiter: Some(delimiter), columns, ..Options::default() });
        let mut rows = Vec::new();
        let bytes = writer.into_inner().unwrap();
        let is_read = reader.push(&bytes, &mut rows).is_ok() && reader.finish(&mut rows).is_ok();
        for row in rows.iter().filter(|_| is_read) {
            let Some(texts) = texts(row) else { continue };
            let read = row.read().unwrap();
            let told = [&texts.ref_, &texts.phone, &texts.last_name].map(|text| text.as_set().copied());
            prop_assert_eq!(told, [&read.ref_, &read.phone, &read.last_name].map(|text| text.as_set().map(String::as_str)));
            let has_controls = told.iter().flatten().any(|text| text.contains(char::is_control));
            prop_assert!(!(texts.has_no_controls && has_controls));
        }
    }
}

#[test]
fn rows_that_say_more_than_texts_have_none() {
    for text in [
        "ref\n=\"a\"\"b\"\n",
        "ref,id\na,mem_1\n",
        "ref,iban\na,DE89\n",
        "ref,account_holder\na,A\n",
        "ref,attributes\na,\n",
        "ref,attributes.team\na,\n",
        "ref,dob\na,1990/01/02\n",
        "ref,enable_payroll\na,perhaps\n",
        "ref,tier\na\n",
        "ref,phone\na,4.5E+11\n",
        "ref,tier\na,#N/A\n",
        "ref,tier\na,\\N\n",
    ] {
        let rows = rows(text, Reading::Cleaned);
        assert_eq!((rows.len(), texts(&rows[0])), (1, None), "{text}");
    }
    assert!(texts(&rows("ref,id,account_holder,iban\na,,,\n", Reading::Cleaned)[0]).is_some());
    assert_eq!(texts(&ListRow::ndjson(1, "{\"ref\": \"a\"}")), None);
}
