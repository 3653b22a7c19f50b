#!/usr/bin/env python3
"""Measures the plan of a full list that is an .xlsx workbook, compared with the same list as CSV.

    python3 benches/sheet.py PROGRAM [--members 100000] [--rounds 3]

The workbook is written by XlsxWriter. Dates of birth are real dates, everything else is text. Both files must
have the same counts.
"""

import argparse
import csv
import datetime
import pathlib
import subprocess
import tempfile
import time

import client
import days
import server


def workbook(source, path):
    """Writes the list as a workbook."""
    import xlsxwriter

    with xlsxwriter.Workbook(path) as book, open(source, newline="") as file:
        sheet, as_date = book.add_worksheet("Members"), book.add_format({"num_format": "yyyy-mm-dd"})
        for row, cells in enumerate(csv.reader(file)):
            for column, cell in enumerate(cells):
                if row > 0 and days.COLUMNS[column] == "dob":
                    sheet.write_datetime(row, column, datetime.datetime.fromisoformat(cell), as_date)
                elif cell:
                    sheet.write_string(row, column, cell)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    client.with_packages()
    program = str(pathlib.Path(options.program).resolve())
    with tempfile.TemporaryDirectory() as folder:
        day1, day2 = days.make(folder, options.members)
        book = pathlib.Path(folder, "day2.xlsx")
        workbook(day2, book)
        process, url = server.start(program, str(pathlib.Path(folder, "data")))
        try:
            with client.connect(url) as channel:
                base = client.create_base(channel, "sheet")
                load = [program, "import", day1, "--base", base, "--server", url, "--quiet"]
                subprocess.run(load, check=True, stdout=subprocess.DEVNULL)
                time.sleep(3)
                counts = set()
                for path in (day2, book) * options.rounds:
                    server.forget_highest(process.pid)
                    before, cpu = server.memory(process.pid, "VmRSS"), server.cpu_seconds(process.pid)
                    sync = client.sync(channel, base, path, dry_run=True)
                    cpu = server.cpu_seconds(process.pid) - cpu
                    size, highest = path.stat().st_size / 1e6, server.memory(process.pid, "VmHWM")
                    print(
                        f"{path.name:<10} {size:5.1f} MB: sent {sync.stored - sync.began:.2f} s, then planned "
                        f"{sync.planned - sync.stored:.2f} s, server CPU {cpu:.2f} s, memory {before} to {highest} MB"
                    )
                    counts.add(tuple(sync.counts.items()))
                if len(counts) != 1:
                    raise SystemExit(f"the counts differ: {counts}")
                print(f"equal counts: {dict(counts.pop())}")
        finally:
            server.stop(process)


if __name__ == "__main__":
    main()
