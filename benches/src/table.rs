//! Figures as a table of plain text.

use std::fmt;

use crate::{Outcome, Standing};

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_latencies = self.standings.iter().any(|standing| standing.latency.is_some());
        let head = if has_latencies {
            ["p50 µs", "p99 µs", "p99.9 µs", "max µs"].map(str::to_owned).to_vec()
        } else {
            let resources = ["least to most", "server µs", "own µs", "server MB", "own MB"].map(str::to_owned);
            [vec![format!("{}/s", self.unit)], resources.to_vec()].concat()
        };
        let cells = if has_latencies { latency_cells } else { rate_cells };
        let title = match self.over {
            Some(quantity) => format!("{}, by {quantity}", self.contest),
            None => self.contest.clone(),
        };
        let mut rows = vec![[vec![title], head].concat()];
        for standing in &self.standings {
            rows.push([vec![format!("  {}", standing.contestant)], cells(standing)].concat());
        }
        write_aligned(&rows, f)
    }
}

fn rate_cells(standing: &Standing) -> Vec<String> {
    let micros = |micros: Option<f64>| micros.map_or_else(String::new, |micros| format!("{micros:.2}"));
    let megabytes = |megabytes: Option<f64>| megabytes.map_or_else(String::new, |megabytes| format!("{megabytes:.0}"));
    vec![
        with_ratio(&grouped(standing.rate.median), standing.rate_ratio),
        format!("{} to {}", grouped(standing.rate.min), grouped(standing.rate.max)),
        micros(standing.server_micros),
        micros(standing.own_micros),
        megabytes(standing.server_megabytes),
        megabytes(standing.own_megabytes),
    ]
}

fn latency_cells(standing: &Standing) -> Vec<String> {
    let cells = standing.latency.zip(standing.latency_ratio).map(|(latency, ratio)| {
        [(latency.p50, ratio.p50), (latency.p99, ratio.p99), (latency.p999, ratio.p999), (latency.max, ratio.max)]
            .map(|(micros, ratio)| with_ratio(&format!("{micros:.1}"), ratio))
    });
    cells.map_or_else(Vec::new, Vec::from)
}

fn with_ratio(value: &str, ratio: f64) -> String {
    format!("{value} ({ratio:.2}×)")
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes the first column to the left, the others to the right.
fn write_aligned(rows: &[Vec<String>], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = width(column).unwrap_or_default();
            if column == 0 { write!(f, "{cell:<width$}")? } else { write!(f, "  {cell:>width$}")? }
        }
        writeln!(f)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Percentiles, Spread};

    fn standing(name: &str, rate: f64) -> Standing {
        Standing {
            contestant: name.into(),
            at: None,
            rate: Spread { median: rate, min: rate, max: rate },
            rate_ratio: rate / 1000.0,
            server_micros: Some(1.5),
            own_micros: None,
            server_megabytes: Some(7.0),
            own_megabytes: None,
            latency: None,
            latency_ratio: None,
            distribution: Vec::new(),
        }
    }

    #[test]
    fn columns_are_aligned() {
        let standings = vec![standing("one", 1000.0), standing("another", 1_234_567.0)];
        let table = Outcome { contest: "push".into(), unit: "tasks", over: None, standings }.to_string();
        let expected = "\
push                       tasks/s           least to most  server µs  own µs server MB own MB
  one                1,000 (1.00×)          1,000 to 1,000       1.50   7
  another    1,234,567 (1234.57×)  1,234,567 to 1,234,567       1.50   7
";
        assert_eq!(table.replace(' ', ""), expected.replace(' ', ""));
        let widths: Vec<_> = table.lines().map(|line| line.chars().count()).collect();
        assert_eq!(widths, [widths[0]; 3], "{table}");
    }

    #[test]
    fn latencies_stand_beside_those_of_the_first() {
        let latency = Percentiles { p50: 10.0, p99: 20.0, p999: 30.0, max: 40.0 };
        let ratio = Percentiles { p50: 1.0, p99: 2.0, p999: 3.0, max: 4.0 };
        let standing = Standing { latency: Some(latency), latency_ratio: Some(ratio), ..standing("one", 1.0) };
        let table =
            Outcome { contest: "wake".into(), unit: "tasks", over: None, standings: vec![standing] }.to_string();
        let last = table.lines().last().expect("a table has lines");
        let cells: Vec<_> = last.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells, ["one", "10.0 (1.00×)", "20.0 (2.00×)", "30.0 (3.00×)", "40.0 (4.00×)"]);
    }
}
