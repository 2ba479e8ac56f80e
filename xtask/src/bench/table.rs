//! The table: what each figure must be, and what it was.

use std::fmt::Write as _;

use serde::Serialize;

use super::sample::Compared;

/// A bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Must {
    AtMost(f64),
    AtLeast(f64),
}

impl Must {
    fn admits(self, figure: f64) -> bool {
        match self {
            Must::AtMost(bound) => figure <= bound,
            Must::AtLeast(bound) => figure >= bound,
        }
    }

    fn told(self) -> String {
        match self {
            Must::AtMost(bound) => format!("≤ {bound}"),
            Must::AtLeast(bound) => format!("≥ {bound}"),
        }
    }
}

/// What is promised of one figure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Promise {
    /// What is measured, with its unit where it is no ratio.
    pub(crate) metric: &'static str,
    /// What it is compared with; empty where the figure itself is bounded.
    pub(crate) against: &'static str,
    pub(crate) must: Must,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Figure {
    /// Bounded as a ratio.
    Ratio(Compared),
    /// Bounded as it is.
    Value(f64),
    /// Left out on purpose, and why.
    Unmeasured(&'static str),
}

impl Figure {
    /// Two figures that were taken once.
    pub(crate) fn once(ours: f64, theirs: f64) -> Figure {
        Figure::Ratio(Compared { ours, theirs, ratio: ours / theirs })
    }
}

/// A line of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    row: &'static str,
    metric: &'static str,
    against: &'static str,
    ours: Option<f64>,
    theirs: Option<f64>,
    ratio: Option<f64>,
    must: String,
    /// None where it was not measured.
    met: Option<bool>,
    /// Why it was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl Line {
    /// Of a figure.
    pub(crate) fn of(row: &'static str, promise: &Promise, figure: Figure) -> Line {
        let (ours, theirs, ratio, bounded) = match figure {
            Figure::Ratio(Compared { ours, theirs, ratio }) => (ours, Some(theirs), Some(ratio), ratio),
            Figure::Value(value) => (value, None, None, value),
            Figure::Unmeasured(why) => return Line::unmeasured(row, promise, why),
        };
        Line {
            ours: Some(ours),
            theirs,
            ratio,
            met: Some(promise.must.admits(bounded)),
            ..Line::bare(row, promise)
        }
    }

    /// Of one that was not.
    pub(crate) fn unmeasured(row: &'static str, promise: &Promise, why: impl Into<String>) -> Line {
        Line { why: Some(why.into()), ..Line::bare(row, promise) }
    }

    fn bare(row: &'static str, promise: &Promise) -> Line {
        let Promise { metric, against, must } = *promise;
        Line {
            row,
            metric,
            against,
            ours: None,
            theirs: None,
            ratio: None,
            must: must.told(),
            met: None,
            why: None,
        }
    }
}

/// The table as text.
pub(crate) fn print(lines: &[Line]) -> String {
    let heading = ["ROW", "METRIC", "AGAINST", "OURS", "THEIRS", "RATIO", "MUST", "MET"].map(str::to_owned);
    let rows: Vec<[String; 8]> = lines.iter().map(cells).collect();
    let mut widths = [0; 8];
    for row in std::iter::once(&heading).chain(&rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in std::iter::once(&heading).chain(&rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    for line in lines {
        if let Some(why) = &line.why {
            let _ = writeln!(text, "not measured: {} {}: {why}", line.row, line.metric);
        }
    }
    text
}

fn cells(line: &Line) -> [String; 8] {
    let met = match line.met {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "not measured",
    };
    [
        line.row.to_owned(),
        line.metric.to_owned(),
        line.against.to_owned(),
        digits(line.ours),
        digits(line.theirs),
        digits(line.ratio),
        line.must.clone(),
        met.to_owned(),
    ]
}

/// Three digits that count: figures range from microseconds to minutes.
fn digits(figure: Option<f64>) -> String {
    match figure {
        None => String::new(),
        Some(0.0) => "0".to_owned(),
        Some(large) if large.abs() >= 100.0 => format!("{large:.0}"),
        Some(figure) if figure.abs() >= 10.0 => format!("{figure:.1}"),
        Some(figure) if figure.abs() >= 1.0 => format!("{figure:.2}"),
        Some(figure) if figure.abs() >= 0.1 => format!("{figure:.3}"),
        Some(small) => format!("{small:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: Promise = Promise { metric: "wall, s", against: "kubectl", must: Must::AtMost(0.04) };

    #[test]
    fn a_ratio_or_a_value_is_bounded() {
        let fast = Line::of("version", &WALL, Figure::once(1.0, 100.0));
        assert_eq!((fast.met, fast.ratio), (Some(true), Some(0.01)));
        let slow = Line::of("version", &WALL, Figure::Value(0.05));
        assert_eq!((slow.met, slow.theirs), (Some(false), None));
        let many = Promise { must: Must::AtLeast(0.3), ..WALL };
        assert_eq!(Line::of("version", &many, Figure::Value(0.3)).met, Some(true));
    }

    #[test]
    fn what_was_not_measured_is_said() {
        let lines = [
            Line::of("version", &WALL, Figure::once(0.0034, 0.105)),
            Line::unmeasured("status", &WALL, "the cluster did not start"),
        ];
        assert_eq!(
            print(&lines),
            "ROW      METRIC   AGAINST  OURS    THEIRS  RATIO   MUST    MET\n\
             version  wall, s  kubectl  0.0034  0.105   0.0324  ≤ 0.04  yes\n\
             status   wall, s  kubectl                          ≤ 0.04  not measured\n\
             not measured: status wall, s: the cluster did not start\n"
        );
    }
}
