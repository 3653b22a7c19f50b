//! The progress of an import, on standard error: a bar on a terminal, otherwise a line every few seconds.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::output;
use crate::model::words;

/// How often to print a line if there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
const BAR: &str = "{wide_bar} {percent:>3} %  {msg}  {eta} left";
/// For input of unknown size, such as standard input.
const SPINNER: &str = "{spinner} {msg}";

/// The state of the display.
pub struct Progress {
    started: Instant,
    rows: u64,
    /// The size of the file in bytes, if known.
    size: Option<u64>,
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Lines { last: Instant },
    Nothing,
}

impl Progress {
    pub fn new(size: Option<u64>, quiet: bool, now: Instant) -> Self {
        let shown = if quiet {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() {
            let bar = size.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            // The templates are constants, and a test checks them.
            if let Ok(style) = ProgressStyle::with_template(if size.is_some() { BAR } else { SPINNER }) {
                bar.set_style(style);
            }
            Shown::Bar(bar)
        } else {
            Shown::Lines { last: now }
        };
        Self { started: now, rows: 0, size, shown }
    }

    /// Counts rows that the server has replied to; the file is done up to `offset`.
    pub fn advance(&mut self, rows: u64, offset: u64, now: Instant) {
        self.rows += rows;
        let elapsed = now.duration_since(self.started);
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.set_message(describe(self.rows, elapsed));
                bar.set_position(offset);
            }
            Shown::Lines { last } if now.duration_since(*last) >= LINE_EVERY => {
                *last = now;
                let left = self.size.and_then(|size| time_left(offset, size, elapsed));
                let left = left.map_or(String::new(), |left| format!(", {} s left", left.as_secs()));
                let percent = self.size.and_then(|size| (offset * 100).checked_div(size));
                let percent = percent.map_or(String::new(), |percent| format!(", {percent} %"));
                output::note(format_args!("{}{percent}{left}", describe(self.rows, elapsed)));
            }
            Shown::Lines { .. } | Shown::Nothing => {}
        }
    }

    /// Prints a message that stays on the terminal.
    pub fn say(&self, text: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.println(text),
            Shown::Lines { .. } | Shown::Nothing => output::note(text),
        }
    }

    /// Removes the bar, and returns the number of rows and the time that they took.
    pub fn finish(&self, now: Instant) -> String {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
        let elapsed = now.duration_since(self.started);
        format!("{} in {:.1} s", describe(self.rows, elapsed), elapsed.as_secs_f64())
    }
}

fn describe(rows: u64, elapsed: Duration) -> String {
    let rate = u128::from(rows) * 1000 / elapsed.as_millis().max(1);
    format!("{}, {rate} rows/s", words::count(rows, "row"))
}

fn time_left(done: u64, size: u64, elapsed: Duration) -> Option<Duration> {
    let left = size.saturating_sub(done);
    let millis = (elapsed.as_millis() * u128::from(left)).checked_div(u128::from(done))?;
    Some(Duration::from_millis(u64::try_from(millis).ok()?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use indicatif::ProgressStyle;

    use super::{BAR, SPINNER, describe, time_left};

    #[test]
    fn templates_are_valid() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
        assert!(ProgressStyle::with_template(SPINNER).is_ok());
    }

    #[test]
    fn rate_and_time_left_follow_from_what_is_done() {
        assert_eq!(describe(1500, Duration::from_millis(500)), "1500 rows, 3000 rows/s");
        assert_eq!(describe(1, Duration::from_millis(500)), "1 row, 2 rows/s");
        assert_eq!(time_left(25, 100, Duration::from_secs(10)), Some(Duration::from_secs(30)));
        assert_eq!(time_left(0, 100, Duration::from_secs(10)), None);
    }
}
