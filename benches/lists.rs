//! Measures reading one list: CPU time, and the most memory that it takes.
//!
//! Run it with `cargo bench --bench lists -- FILE [HEADING…]`. A spreadsheet is read twice, each time by a new
//! process: as a table of cells, and as the rows of the pipeline. A `HEADING` of the list is stored as an
//! attribute.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::Cursor;
use std::process::Command;

use memberbase::lists::columns::Wanted;
use memberbase::lists::workbook::{self, Limits};
use memberbase::lists::{ListRow, Options, Reader};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["table", path] => table(&std::fs::read(path).unwrap()),
        ["rows", path, ref others @ ..] => rows(&std::fs::read(path).unwrap(), others),
        [path, ref others @ ..] => {
            for what in ["table", "rows"] {
                let me = std::env::current_exe().unwrap();
                assert!(Command::new(me).args([what, path]).args(others).status().unwrap().success());
            }
        }
        [] => eprintln!("cargo bench --bench lists -- FILE"),
    }
}

fn table(bytes: &[u8]) {
    if !workbook::is_workbook(bytes) {
        return;
    }
    let before = memory();
    let is_heading = |_: &str| true;
    let options = workbook::Options { sheet: None, is_heading: &is_heading, limits: Limits::default() };
    let table = workbook::read(Cursor::new(bytes), &options).unwrap();
    let count = table.rows().map(|row| row.cells().filter(|cell| cell.text().is_ok()).count()).sum();
    report("as a table", table.rows().count(), count, before);
}

fn rows(bytes: &[u8], others: &[&str]) {
    let before = memory();
    let renamed = others.iter().map(|name| ((*name).to_owned(), format!("attributes.{name}"))).collect();
    let columns = Wanted { renamed, ..Wanted::default() };
    let mut reader = Reader::new(Options { columns, ..Options::default() });
    let (mut rows, mut count, mut cells) = (Vec::new(), 0, 0);
    let mut take = |rows: &mut Vec<ListRow>| {
        count += rows.len();
        cells += rows.drain(..).map(|row| row.cells().count()).sum::<usize>();
    };
    for piece in bytes.chunks(64 << 10) {
        reader.push(piece, &mut rows).unwrap();
        take(&mut rows);
    }
    reader.finish(&mut rows).unwrap();
    take(&mut rows);
    report("as rows", count, cells, before);
}

fn report(what: &str, rows: usize, cells: usize, before: u64) {
    let taken = memory() - before;
    println!("{what}: {rows} rows, {cells} cells in {:.2} s of CPU, {taken} MB", cpu());
}

/// The CPU time of this process, which has one thread.
fn cpu() -> f64 {
    let spent = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    spent.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// The highest memory so far, in MB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim_end_matches("kB").trim().parse::<u64>().unwrap() / 1000
}
