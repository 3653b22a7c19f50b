#!/usr/bin/env bash
# read-excel-file reads dates that SheetJS wrote as bare numbers, unless they have the default format.
#
# Versions: read-excel-file 9.3.17 (reader), SheetJS as xlsx 0.18.5 and as @e965/xlsx 0.20.3, exceljs 4.4.0.
#
# A date in an .xlsx file is a number whose format is one of a date. Formats have numbers too: those below 164
# are built in, and a workbook lists its own formats with their codes.
#
# Guess: a reader looks at the code of the format, so dates as `yyyy-mm-dd` arrive as dates from each writer.
#
# Seen: SheetJS numbers its own formats from 60 on, where no built-in format is, and exceljs from 164 on.
# read-excel-file does not look up the code of a format below 100. The date of birth 1990-01-05 arrives as
# 32878, even if the option `dateFormat` names this very format. In the default format of SheetJS (14, built
# in) it arrives as a date. exceljs, as a reader, returns a date every time.
#
# Why it matters: both packages are common on web pages, one at the export and one at the import. A column of
# dates becomes one of numbers, because somebody wanted dates that are not American.
# memberbase reads these cells as dates.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts \
    read-excel-file@9.3.17 xlsx@0.18.5 @e965/xlsx@0.20.3 exceljs@4.4.0 >/dev/null

cat >dates.js <<'JS'
const exceljs = require('exceljs');
const { default: readExcelFile } = require('read-excel-file/node');

const born = new Date(Date.UTC(1990, 0, 5));
const show = (value) => (value instanceof Date ? value.toISOString().slice(0, 10) : value);

async function report(writer, format) {
  const [{ data: [[plain]] }] = await readExcelFile('list.xlsx');
  const [{ data: [[told]] }] = await readExcelFile('list.xlsx', { dateFormat: format });
  const book = new exceljs.Workbook();
  await book.xlsx.readFile('list.xlsx');
  const byExceljs = book.worksheets[0].getCell('A1').value;
  const read = `${show(plain)}, with dateFormat ${show(told)}, by exceljs ${show(byExceljs)}`;
  console.log(`${writer} ${format}: ${read}`);
}

async function main() {
  for (const name of ['xlsx', '@e965/xlsx']) {
    const sheetjs = require(name);
    for (const dateNF of ['m/d/yy', 'yyyy-mm-dd', 'dd/mm/yyyy']) {
      const book = sheetjs.utils.book_new();
      const sheet = sheetjs.utils.aoa_to_sheet([[born]], { UTC: true, dateNF });
      sheetjs.utils.book_append_sheet(book, sheet, 'list');
      sheetjs.writeFile(book, 'list.xlsx');
      await report(name, dateNF);
    }
  }
  const book = new exceljs.Workbook();
  const cell = book.addWorksheet('list').getCell('A1');
  cell.value = born;
  cell.numFmt = 'yyyy-mm-dd';
  await book.xlsx.writeFile('list.xlsx');
  await report('exceljs', cell.numFmt);
}
main();
JS
TZ=UTC node dates.js | tee seen

diff - seen <<'EXPECTED'
xlsx m/d/yy: 1990-01-05, with dateFormat 1990-01-05, by exceljs 1990-01-05
xlsx yyyy-mm-dd: 32878, with dateFormat 32878, by exceljs 1990-01-05
xlsx dd/mm/yyyy: 32878, with dateFormat 32878, by exceljs 1990-01-05
@e965/xlsx m/d/yy: 1990-01-05, with dateFormat 1990-01-05, by exceljs 1990-01-05
@e965/xlsx yyyy-mm-dd: 32878, with dateFormat 32878, by exceljs 1990-01-05
@e965/xlsx dd/mm/yyyy: 32878, with dateFormat 32878, by exceljs 1990-01-05
exceljs yyyy-mm-dd: 1990-01-05, with dateFormat 1990-01-05, by exceljs 1990-01-05
EXPECTED
