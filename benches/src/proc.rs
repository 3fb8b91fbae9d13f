//! What processes use of the machine, from Linux's `/proc`. Processor time comes in steps of 10 ms: runs of a second are
//! told apart to one in a hundred.

use std::{fs, time::Duration};

/// How many steps Linux counts a second, in all of its builds for the usual machines (`USER_HZ`).
const TICKS_PER_SECOND: u32 = 100;

/// The processor time that the process has used in all of its threads, those that have ended included; unknown where
/// there is no `/proc`.
pub(crate) fn cpu(process: &str) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    ticks_in(&stat).map(|ticks| Duration::from_secs(ticks) / TICKS_PER_SECOND)
}

/// The most memory, in bytes, that the process has had at once since it began.
pub(crate) fn peak_memory(process: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// User and system time in a line of `/proc/<pid>/stat`, its fields 14 and 15; the second is a name in parentheses that may
/// contain anything.
fn ticks_in(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11).map(|field| field.parse::<u64>().ok());
    Some(fields.next()?? + fields.next()??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_is_skipped() {
        let stat = "7 (re) d(is 1 2) S 1 7 7 0 -1 4194560 100 200 3 4 31 11 0 0 20 0 5 0 1000 0 0";
        assert_eq!(ticks_in(stat), Some(42));
    }

    #[test]
    fn a_process_that_computes_uses_time_and_memory() {
        let before = cpu("self").expect("Linux has /proc");
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(200) {
            std::hint::black_box(begun);
        }
        assert!(cpu("self").expect("Linux has /proc") > before);
        assert!(peak_memory("self").expect("Linux has /proc") > 100_000);
    }

    #[test]
    fn a_process_that_is_not_there_uses_nothing() {
        assert_eq!((cpu("0"), peak_memory("0")), (None, None));
    }
}
