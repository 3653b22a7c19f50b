//! The memory and CPU time of a process, from `/proc`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Memory and time of a process since it started.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    pub rss_bytes: u64,
    pub peak_rss_bytes: u64,
    pub cpu_seconds: f64,
}

/// `None` if there is no such process, or no `/proc`.
pub fn usage(pid: u32) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(Usage {
        rss_bytes: kilobytes(&status, "VmRSS:")?,
        peak_rss_bytes: kilobytes(&status, "VmHWM:")?,
        cpu_seconds: cpu_seconds(&stat, rustix::param::clock_ticks_per_second())?,
    })
}

/// The disk space that the files under a folder take, in bytes.
pub fn disk_bytes(folder: &Path) -> u64 {
    const BLOCK: u64 = 512;
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.filter_map(Result::ok).map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
        Ok(metadata) => metadata.blocks() * BLOCK,
        Err(_) => 0,
    });
    sizes.sum()
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// The program's name, in brackets, may contain any characters; the times are the 12th and 13th fields after
/// it.
fn cpu_seconds(stat: &str, ticks_per_second: u64) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).map(str::parse::<u64>);
    let ticks = times.next()?.ok()? + times.next()?.ok()?;
    Some(float(ticks) / float(ticks_per_second))
}

#[expect(clippy::cast_precision_loss, reason = "for reports, where 53 bits are plenty")]
pub fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::{cpu_seconds, kilobytes};

    #[test]
    fn the_formats_of_proc_are_read() {
        assert_eq!(kilobytes("Name:\tx\nVmRSS:\t  1234 kB\n", "VmRSS:"), Some(1234 * 1024));
        let stat = "7 (a b) c) S 1 1 1 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 100 0 0";
        assert_eq!(cpu_seconds(stat, 100), Some(3.0));
    }
}
