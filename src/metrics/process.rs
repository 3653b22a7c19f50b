//! The memory, CPU time and open files of a process, from `/proc`.

use std::fs;

/// What a process uses, and has used since it started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
    /// The most resident memory that it ever had, in bytes.
    pub peak_rss_bytes: u64,
    /// CPU time of all its threads, in seconds.
    pub cpu_seconds: f64,
    /// Its threads.
    pub threads: u64,
    /// When it started, in seconds after the start of the machine.
    pub started_seconds: f64,
}

/// `None` if there is no such process, or no `/proc`.
#[must_use]
pub fn usage(pid: u32) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    read(&status, &stat, rustix::param::clock_ticks_per_second())
}

/// The descriptors that this process has open. `None` if there is no `/proc`.
#[must_use]
pub fn open_files() -> Option<u64> {
    // Without the descriptor that reads the folder.
    let open = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    u64::try_from(open).ok()
}

/// When this machine started, in seconds since 1970. `None` if there is no `/proc`.
#[must_use]
pub fn machine_started() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn read(status: &str, stat: &str, ticks_per_second: u64) -> Option<Usage> {
    // The program's name, in brackets, may contain any characters. After it, the CPU times of the program and
    // of the system for it are the 12th and 13th fields, its threads the 18th, and its start the 20th.
    let (_, fields) = stat.rsplit_once(") ")?;
    let field = |number: usize| fields.split_ascii_whitespace().nth(number - 1)?.parse::<u64>().ok();
    let seconds = |ticks: u64| float(ticks) / float(ticks_per_second);
    Some(Usage {
        rss_bytes: kilobytes(status, "VmRSS:")?,
        peak_rss_bytes: kilobytes(status, "VmHWM:")?,
        cpu_seconds: seconds(field(12)? + field(13)?),
        threads: field(18)?,
        started_seconds: seconds(field(20)?),
    })
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// A number for a report, where 53 bits are plenty.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "for reports, where 53 bits are plenty")]
pub fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formats_of_proc_are_read() {
        let status = "Name:\tx\nVmHWM:\t  2000 kB\nVmRSS:\t  1234 kB\n";
        let stat = "7 (a b) c) S 1 1 1 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 4321 0 0";
        let usage = Usage {
            rss_bytes: 1_234 * 1_024,
            peak_rss_bytes: 2_000 * 1_024,
            cpu_seconds: 3.0,
            threads: 9,
            started_seconds: 43.21,
        };
        assert_eq!(read(status, stat, 100), Some(usage));
    }

    #[test]
    fn this_process_is_found() {
        let usage = usage(std::process::id()).unwrap();
        assert!(usage.rss_bytes > 0 && usage.threads > 0 && usage.started_seconds > 0.0);
        assert!(open_files().unwrap() > 2 && machine_started().unwrap() > 1e9);
    }
}
