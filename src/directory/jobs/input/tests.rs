//! Reading lists to their ends.

use super::{finish, reading};
use crate::lists::Reader;
use crate::model::{JobInput, ListMatch, ListOptions, MatchBy};

fn reader(bytes: &[u8]) -> Reader {
    let match_by = ListMatch::Key(MatchBy::WorkerId);
    let options = ListOptions { match_by, ..ListOptions::default() };
    let mut reader = Reader::new(reading(&options, &JobInput::default()));
    reader.push(bytes, &mut Vec::new()).unwrap();
    reader
}

#[tokio::test]
async fn a_workbook_is_read_beside_the_tasks_of_this_thread_and_a_text_at_once() {
    let workbook = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lists/xlsxwriter-plain.xlsx"));
    let (mut here, mut rows) = (reader(workbook), Vec::new());
    let expected = here.finish(&mut rows).map(|summary| summary.rows);
    let (mut beside, mut read) = (reader(workbook), Vec::new());
    let mut ended = Box::pin(finish(&mut beside, &mut read));
    assert!(futures_util::poll!(ended.as_mut()).is_pending());
    assert_eq!(ended.await.map(|summary| summary.rows), expected);
    assert_eq!((read.len(), read.is_empty()), (rows.len(), false));
    assert_eq!(beside.list().is_some(), here.list().is_some());

    let (mut text, mut read) = (reader(b"worker_id,tier\n1,Gold\n2,Gold"), Vec::new());
    let ended = Box::pin(finish(&mut text, &mut read));
    assert!(futures_util::poll!(ended).is_ready());
    assert_eq!(read.len(), 1);
}

#[tokio::test]
async fn a_workbook_that_cannot_be_read_stays_refused() {
    let mut cut = reader(b"PK\x03\x04 and nothing else");
    let first = finish(&mut cut, &mut Vec::new()).await.unwrap_err();
    assert_eq!(finish(&mut cut, &mut Vec::new()).await.unwrap_err(), first);
}
