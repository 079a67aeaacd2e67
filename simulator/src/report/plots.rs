//! Plots of outcomes, as SVG.
//! Knows nothing of the page they stand on but that it gives the colours: each colour here is only a name, which the
//! page's style sheet turns into one for the light and one for the dark.
use plotters::coord::Shift;
use plotters::prelude::*;

use super::table::duration;
use crate::outcome::Outcome;

const SIZE: (u32, u32) = (640, 360);
/// Names of colours: see `page.css`.
const INK: RGBColor = RGBColor(1, 1, 1);
const LINE: RGBColor = RGBColor(2, 2, 2);
const SERIES: [RGBColor; 6] = [
    RGBColor(16, 0, 1),
    RGBColor(16, 0, 2),
    RGBColor(16, 0, 3),
    RGBColor(16, 0, 4),
    RGBColor(16, 0, 5),
    RGBColor(16, 0, 6),
];

/// A line, and the place of its outcome, which is its colour.
struct Line {
    place: usize,
    points: Vec<(f64, f64)>,
}

/// How an axis is labelled.
type Label = fn(&f64) -> String;

const SECONDS: (&str, Label) = ("seconds", |s| {
    let text = format!("{s:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
});

/// A plot that is to be drawn.
struct Plot {
    across: (&'static str, Label),
    up: (&'static str, Label),
    /// For latency, which is short mostly and long now and then.
    logarithmic: bool,
    lines: Vec<Line>,
}

/// How late deliveries (or answers) are, up to the last one in ten thousand.
pub fn latency(outcomes: &[Outcome]) -> Option<String> {
    let lines = outcomes.iter().enumerate().filter_map(|(place, outcome)| {
        let latency = outcome.latency.as_ref().or(outcome.answers.as_ref())?;
        // The share of those that are slower, as a power of ten: so that 99 % and 99.9 % are as far apart as 90 and 99.
        let last = (latency.count as f64).log10();
        let points =
            latency.curve.iter().map(|&(share, us)| ((-(1.0 - share).log10()).min(last), us.max(1.0)));
        Some(Line { place, points: points.collect() })
    });
    draw(Plot {
        across: ("share that is faster", |power| {
            let nines = power.round();
            if (power - nines).abs() > 0.01 {
                return String::new();
            }
            let digits = (nines as usize).saturating_sub(2);
            format!("{:.digits$} %", 100.0 - 100.0 / 10f64.powf(nines))
        }),
        up: ("later than intended", |us| duration(*us)),
        logarithmic: true,
        lines: lines.collect(),
    })
}

/// Deliveries a second over time.
pub fn deliveries(outcomes: &[Outcome]) -> Option<String> {
    let lines = outcomes.iter().enumerate().map(|(place, outcome)| Line {
        place,
        points: (0..)
            .map(|n| f64::from(n) / 10.0)
            .zip(outcome.deliveries_per_second.iter().copied())
            .collect(),
    });
    draw(Plot {
        across: SECONDS,
        up: ("deliveries a second", |n| thousands(*n)),
        logarithmic: false,
        lines: lines.collect(),
    })
}

/// Memory over connections, or over time where connections do not change.
pub fn memory(outcomes: &[Outcome]) -> Option<String> {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let watched = |(_, outcome): &(usize, &Outcome)| {
        outcome.samples.iter().any(|sample| sample.memory.resident_bytes > 0)
    };
    let grows = outcomes.iter().all(|outcome| matches!(outcome.scenario.as_str(), "idle" | "connect"));
    let lines = outcomes.iter().enumerate().filter(watched).map(|(place, outcome)| {
        let mut points: Vec<(f64, f64)> = outcome
            .samples
            .iter()
            .map(|sample| {
                let across = if grows { sample.connections as f64 } else { sample.at_ns as f64 / 1e9 };
                (across, mib(sample.memory.resident_bytes))
            })
            .collect();
        if grows {
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        Line { place, points }
    });
    let across: (&str, Label) = if grows { ("connections", |n| thousands(*n)) } else { SECONDS };
    draw(Plot {
        across,
        up: ("resident, MiB", |mib| format!("{mib:.0}")),
        logarithmic: false,
        lines: lines.collect(),
    })
}

/// The server's share of a core over time.
pub fn cpu(outcomes: &[Outcome]) -> Option<String> {
    let lines = outcomes.iter().enumerate().map(|(place, outcome)| {
        let pairs = outcome.samples.windows(2).filter(|pair| pair[1].at_ns > pair[0].at_ns + 50_000_000);
        let points = pairs.map(|pair| {
            let share = (pair[1].cpu_ns.saturating_sub(pair[0].cpu_ns)) as f64
                / (pair[1].at_ns - pair[0].at_ns) as f64;
            (pair[1].at_ns as f64 / 1e9, share * 100.0)
        });
        Line { place, points: points.collect() }
    });
    let lines: Vec<Line> = lines.filter(|line| line.points.iter().any(|point| point.1 > 0.0)).collect();
    draw(Plot {
        across: SECONDS,
        up: ("% of a core", |share| format!("{share:.0}")),
        logarithmic: false,
        lines,
    })
}

fn thousands(n: f64) -> String {
    if n >= 10_000.0 { format!("{:.0}k", n / 1e3) } else { format!("{n:.0}") }
}

/// The SVG; `None` if there is nothing to be seen.
fn draw(mut plot: Plot) -> Option<String> {
    plot.lines.retain(|line| line.points.len() > 1);
    let points = || plot.lines.iter().flat_map(|line| &line.points);
    let greatest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let (right, top) = (greatest(&mut points().map(|p| p.0)), greatest(&mut points().map(|p| p.1)));
    if plot.lines.is_empty() || right <= 0.0 || top <= 0.0 {
        return None;
    }
    let mut svg = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let drawn = if plot.logarithmic {
            let lowest = points().map(|p| p.1).fold(top, f64::min);
            let lowest = 10f64.powf(lowest.log10().floor());
            let top = 10f64.powf(top.log10().ceil()).max(lowest * 10.0);
            on_axes(&area, &plot, 0.0..right, (lowest..top).log_scale())
        } else {
            on_axes(&area, &plot, 0.0..right, 0.0..top * 1.08)
        };
        drawn.and_then(|()| area.present().map_err(|error| error.to_string()))
    };
    // Writing into a string cannot fail, and the ranges are not empty.
    drawn.ok().map(|()| svg)
}

fn on_axes<Y>(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    plot: &Plot,
    across: std::ops::Range<f64>,
    up: Y,
) -> Result<(), String>
where
    Y: plotters::coord::ranged1d::AsRangedCoord<Value = f64>,
    Y::CoordDescType: plotters::coord::ranged1d::ValueFormatter<f64>,
{
    let says = |error: DrawingAreaErrorKind<std::io::Error>| error.to_string();
    let text = |size: i32| ("system-ui, sans-serif", size).into_font().color(&INK);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_right(26)
        .x_label_area_size(50)
        .y_label_area_size(80)
        .build_cartesian_2d(across, up)
        .map_err(says)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(LINE)
        .axis_style(LINE)
        .x_labels(8)
        .y_labels(6)
        .x_desc(plot.across.0)
        .y_desc(plot.up.0)
        .label_style(text(15))
        .axis_desc_style(text(15))
        .x_label_formatter(&plot.across.1)
        .y_label_formatter(&plot.up.1)
        .draw()
        .map_err(says)?;
    for line in &plot.lines {
        let color = SERIES[line.place % SERIES.len()];
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), color.stroke_width(2)))
            .map_err(says)?;
    }
    Ok(())
}
