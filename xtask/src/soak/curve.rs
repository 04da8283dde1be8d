//! Samples of a run, and how they are drawn.

use std::fmt::{self, Display, Formatter};

use anyhow::{Context as _, Result, anyhow, bail};
use plotters::prelude::*;

/// What is drawn: the sample's column, the title, and by what a value is divided.
const PANELS: [(&str, &str, f64); 4] = [
    ("pss", "memory (PSS), MiB", MIB),
    ("fds", "open files", 1.0),
    ("threads", "threads", 1.0),
    ("store", "store, MiB", MIB),
];
const MIB: f64 = 1_048_576.0;
const TIME: &str = "seconds";
const MINUTE: f64 = 60.0;

/// Of the whole picture.
const SIZE: (u32, u32) = (960, 560);
const COLOURS: [RGBColor; 2] = [RGBColor(31, 111, 235), RGBColor(207, 93, 23)];

/// A run on one kernel.
#[derive(Debug)]
pub(super) struct Curve {
    kernel: &'static str,
    columns: Vec<String>,
    rows: Vec<Vec<f64>>,
}

impl Curve {
    /// As the scenario writes it: a line of names, and a line for each sample.
    pub(super) fn read(kernel: &'static str, csv: &str) -> Result<Self> {
        let mut lines = csv.lines();
        let head = lines.next().context("no samples")?;
        let columns: Vec<_> = head.split(',').map(str::to_owned).collect();
        let row = |line: &str| -> Result<Vec<f64>> {
            let values: Vec<f64> = line.split(',').map(str::parse).collect::<Result<_, _>>()?;
            if values.len() != columns.len() {
                bail!("{line:?} has not as many values as {head:?} has names");
            }
            Ok(values)
        };
        let rows = lines.map(row).collect::<Result<Vec<_>>>()?;
        Ok(Self { kernel, columns, rows })
    }

    fn column(&self, name: &str) -> Result<Vec<f64>> {
        let index = self.columns.iter().position(|column| column == name);
        let index = index.with_context(|| format!("the samples have no {name}"))?;
        Ok(self.rows.iter().filter_map(|row| row.get(index).copied()).collect())
    }

    fn points(&self, name: &str, unit: f64) -> Result<Vec<(f64, f64)>> {
        let times = self.column(TIME)?.into_iter().map(|seconds| seconds / MINUTE);
        Ok(times.zip(self.column(name)?.into_iter().map(|value| value / unit)).collect())
    }

    fn last(&self, name: &str) -> f64 {
        self.column(name).ok().and_then(|values| values.last().copied()).unwrap_or_default()
    }
}

/// `6.12: 60 min, 21210 kills, 21210 told`
impl Display for Curve {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [seconds, kills, told] = [TIME, "kills", "told"].map(|name| self.last(name));
        write!(f, "{}: {:.0} min, {kills} kills, {told} told", self.kernel, seconds / MINUTE)
    }
}

/// One panel for each thing, in it a line for each kernel.
pub(super) fn picture(curves: &[Curve]) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(cannot)?;
        for (area, (column, title, unit)) in root.split_evenly((2, 2)).iter().zip(PANELS) {
            let lines = curves.iter().map(|curve| Ok((curve.kernel, curve.points(column, unit)?)));
            panel(area, title, &lines.collect::<Result<Vec<_>>>()?)?;
        }
        root.present().map_err(cannot)?;
    }
    svg.push('\n');
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Line = (&'static str, Vec<(f64, f64)>);

fn panel(area: &Area<'_>, title: &str, lines: &[Line]) -> Result<()> {
    let most = |of: fn(&(f64, f64)) -> f64| {
        lines.iter().flat_map(|(_, points)| points).map(of).fold(1.0, f64::max)
    };
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .caption(title, ("sans-serif", 16))
        .x_label_area_size(32)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..most(|it| it.0), 0.0..most(|it| it.1) * 1.1)
        .map_err(cannot)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc("minutes").light_line_style(TRANSPARENT).draw().map_err(cannot)?;
    for ((kernel, points), colour) in lines.iter().zip(COLOURS) {
        let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
        let line = chart.draw_series(line).map_err(cannot)?;
        line.label(*kernel).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
    }
    let mut legend = chart.configure_series_labels();
    legend.position(SeriesLabelPosition::LowerRight).background_style(WHITE);
    legend.draw().map_err(cannot)
}

fn cannot(error: impl Display) -> anyhow::Error {
    anyhow!("cannot draw: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_by_the_names_of_their_columns() {
        let csv = "seconds,kills,told,pss,fds,threads,store\n\
                   60,5,5,1048576,50,13,2097152\n120,9,9,2097152,51,13,2097152\n";
        let curve = Curve::read("6.12", csv).unwrap();
        assert_eq!(curve.points("pss", MIB).unwrap(), [(1.0, 1.0), (2.0, 2.0)]);
        assert_eq!(curve.to_string(), "6.12: 2 min, 9 kills, 9 told");
        let svg = picture(&[curve]).unwrap();
        assert!(svg.contains("open files") && svg.contains("6.12"), "{svg}");
        let missing = Curve::read("6.12", "seconds,pss\n1,2\n").unwrap();
        assert!(picture(&[missing]).is_err());
        assert!(Curve::read("6.12", "seconds,pss\n1\n").is_err());
    }
}
