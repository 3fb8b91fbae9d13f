//! What was measured, as a table.
//!
//! Tests begin in the order of their names, so the one below comes after those that measure: it waits for those that
//! still run, and prints. What ends later all the same prints its own row.

use std::{
    fmt,
    io::Write as _,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis_ext_tests::Ledger;

static ROWS: Mutex<Rows> = Mutex::new(Rows { begun: 0, failed: 0, done: Vec::new(), printed: false });

struct Rows {
    begun: usize,
    failed: usize,
    done: Vec<Row>,
    printed: bool,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, tasks, lost, duplicated, recovery } = self;
        let recovery = recovery.map_or_else(|| "–".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()));
        writeln!(f, "| {fault} | {tasks} | {lost} | {duplicated} | {recovery} |")
    }
}

impl Rows {
    fn still_running(&self) -> usize {
        self.begun - self.done.len() - self.failed
    }
}

struct Row {
    fault: String,
    tasks: usize,
    lost: usize,
    duplicated: usize,
    recovery: Option<Duration>,
}

/// A measurement that has begun; one that is dropped without a result has failed.
#[must_use]
pub(crate) struct Measurement(bool);

impl Measurement {
    pub(crate) fn begin() -> Self {
        rows().begun += 1;
        Self(false)
    }

    /// Notes what the ledger says of `tasks` tasks.
    pub(crate) fn end(mut self, fault: impl Into<String>, tasks: usize, ledger: &Ledger, recovery: Option<Duration>) {
        let (lost, duplicated) = (ledger.lost(tasks).len(), ledger.duplicates());
        self.note(Row { fault: fault.into(), tasks, lost, duplicated, recovery });
    }

    fn note(&mut self, row: Row) {
        self.0 = true;
        let mut rows = rows();
        if rows.printed {
            print(&row.to_string());
        }
        rows.done.push(row);
    }
}

impl Drop for Measurement {
    fn drop(&mut self) {
        rows().failed += usize::from(!self.0);
    }
}

fn rows() -> MutexGuard<'static, Rows> {
    ROWS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[tokio::test]
async fn nothing_was_lost_in_any_measurement() {
    while rows().still_running() > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut rows = rows();
    rows.printed = true;
    let table: String = rows.done.iter().map(ToString::to_string).collect();
    print(&format!("\n| fault | tasks | lost | duplicated | recovery |\n|---|---|---|---|---|\n{table}"));
    assert!(rows.done.iter().all(|row| row.lost == 0), "tasks were lost");
}

/// Past the test harness, which keeps the output of a test that passes to itself.
fn print(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}
