//! Figures as pictures: bars of an outcome's rates, the distribution of its latencies, and curves over a quantity.

use std::{error::Error, path::Path};

use plotters::prelude::*;

use crate::{Outcome, Standing};

type Drawn = Result<(), Box<dyn Error>>;

const SIZE: (u32, u32) = (860, 360);
const FONT: &str = "sans-serif";
const COLORS: [RGBColor; 6] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0xff, 0x7f, 0x0e),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0xd6, 0x27, 0x28),
    RGBColor(0x94, 0x67, 0xbd),
    RGBColor(0x8c, 0x56, 0x4b),
];

/// A named line of points.
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// What the axes of curves tell. Both are logarithmic: the quantities span decades.
pub(crate) struct Axes<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
}

/// The outcome as a picture: of its latencies if it has some, else of its rates.
pub(crate) fn outcome(outcome: &Outcome, file: &Path) -> Drawn {
    if let Some(quantity) = outcome.over {
        return growth(outcome, quantity, file);
    }
    if outcome.standings.iter().any(|standing| !standing.distribution.is_empty()) {
        let curves: Vec<_> = outcome.standings.iter().map(distribution).collect();
        let axes = Axes { title: &outcome.contest, x: "one task in … takes longer", y: "µs" };
        return self::curves(&axes, &curves, file);
    }
    bars(outcome, file)
}

fn distribution(standing: &Standing) -> Curve {
    let points = standing.distribution.iter().map(|&(share, micros)| (1.0 / (1.0 - share), micros));
    Curve { name: standing.contestant.clone(), points: points.collect() }
}

fn growth(outcome: &Outcome, quantity: &str, file: &Path) -> Drawn {
    let curve = |name: &str, of: fn(&Standing) -> Option<f64>| {
        let points = outcome.standings.iter().filter_map(|standing| Some((standing.at?.max(1.0), of(standing)?)));
        Curve { name: name.to_owned(), points: points.collect() }
    };
    let has_latencies = outcome.standings.iter().any(|standing| standing.latency.is_some());
    let (y, curves) = if has_latencies {
        let median = curve("median", |standing| standing.latency.map(|latency| latency.p50));
        ("µs".to_owned(), vec![median, curve("99 of 100", |standing| standing.latency.map(|latency| latency.p99))])
    } else {
        (format!("{}/s", outcome.unit), vec![curve("median of the runs", |standing| Some(standing.rate.median))])
    };
    self::curves(&Axes { title: &outcome.contest, x: quantity, y: &y }, &curves, file)
}

fn bars(outcome: &Outcome, file: &Path) -> Drawn {
    let standings = &outcome.standings;
    let most = standings.iter().map(|standing| standing.rate.max).fold(1.0, f64::max);
    let least = standings.iter().map(|standing| standing.rate.min).fold(most, f64::min);
    let from = 10f64.powf((least / 2.0).max(1.0).log10().floor());
    let height = 110 + 36 * u32::try_from(standings.len())?;
    let area = SVGBackend::new(file, (SIZE.0, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let count = standings.len();
    let rows = 0.0..count as f64;
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("{}: {}/s", outcome.contest, outcome.unit), (FONT, 18))
        .margin(12)
        .x_label_area_size(32)
        .y_label_area_size(330)
        .build_cartesian_2d((from..most * 1.6).log_scale(), rows)?;
    let name_of = |row: f64| standings.get(count.wrapping_sub(row as usize + 1)).map_or("", |one| &one.contestant);
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .y_labels(0)
        .x_labels(6)
        .light_line_style(WHITE)
        .x_label_formatter(&|rate| quantity(*rate))
        .label_style((FONT, 13))
        .draw()?;
    for row in 0..count {
        let at = (count - row - 1) as f64;
        let (rate, color) = (standings[row].rate, COLORS[usize::from(row > 0)]);
        chart.draw_series([Rectangle::new([(from, at + 0.2), (rate.median, at + 0.8)], color.mix(0.75).filled())])?;
        chart.draw_series([PathElement::new([(rate.min, at + 0.5), (rate.max, at + 0.5)], BLACK)])?;
        let label = Text::new(quantity(rate.median), (rate.max * 1.05, at + 0.6), (FONT, 13));
        chart.draw_series([label])?;
        let place = chart.backend_coord(&(from, at + 0.6));
        area.draw(&Text::new(name_of(at).to_owned(), (14, place.1), (FONT, 14)))?;
    }
    area.present()?;
    Ok(())
}

/// Draws lines over two logarithmic axes.
pub(crate) fn curves(axes: &Axes<'_>, curves: &[Curve], file: &Path) -> Drawn {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let span = |of: fn(&(f64, f64)) -> f64| {
        let (least, most) =
            points().map(of).fold((f64::INFINITY, 0.0), |(least, most), value| (value.min(least), value.max(most)));
        (least.min(most).max(1e-9), most.max(1e-9) * 1.05)
    };
    let ((left, right), (bottom, top)) = (span(|point| point.0), span(|point| point.1));
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(axes.title, (FONT, 18))
        .margin(14)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d((left..right).log_scale(), (bottom * 0.8..top * 1.4).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc(axes.x)
        .y_desc(axes.y)
        .x_label_formatter(&|x| quantity(*x))
        .y_label_formatter(&|y| quantity(*y))
        .label_style((FONT, 13))
        .draw()?;
    for (number, curve) in curves.iter().enumerate() {
        let color = COLORS[number % COLORS.len()];
        let line = LineSeries::new(curve.points.iter().copied(), color.stroke_width(2));
        chart
            .draw_series(line)?
            .label(curve.name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    if curves.len() < 2 {
        area.present()?;
        return Ok(());
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(0xcc, 0xcc, 0xcc))
        .position(SeriesLabelPosition::UpperLeft)
        .label_font((FONT, 13))
        .draw()?;
    area.present()?;
    Ok(())
}

/// A number of the size that people say: `250k`, `1.2M`.
fn quantity(number: f64) -> String {
    let (number, unit) = match number {
        n if n >= 999_500.0 => (n / 1e6, "M"),
        n if n >= 999.5 => (n / 1e3, "k"),
        n => (n, ""),
    };
    let digits = if number >= 10.0 || (number - number.round()).abs() < 0.05 { 0 } else { 1 };
    format!("{number:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_short() {
        let said = [1.0, 12.5, 999.7, 13_200.0, 250_000.0, 1_234_567.0, 5e6].map(quantity);
        assert_eq!(said, ["1", "12", "1k", "13k", "250k", "1.2M", "5M"]);
    }
}
