//! A picture of the ratios: one bar a row, on a logarithmic scale.

use super::table::{Line, mean};
use anyhow::{Context, Result, ensure};
use plotters::prelude::*;
use std::path::Path;

/// Height of a bar with its gap, in pixels.
const STEP: u32 = 18;
/// Width of the picture.
const WIDTH: u32 = 900;
/// Room for the title and the axis.
const MARGIN: u32 = 90;

/// Writes the picture as SVG. Bars to the left are rows in which K42 needs less than Linux.
pub fn write(path: &Path, lines: &[Line]) -> Result<()> {
    let mut bars: Vec<(&str, f64)> = lines
        .iter()
        .filter_map(|line| Some((line.row.as_str(), line.ratio()?)))
        .filter(|&(_, ratio)| ratio > 0.0)
        .collect();
    ensure!(
        !bars.is_empty(),
        "no row has both figures, so there is nothing to plot"
    );
    bars.sort_by(|a, b| b.1.total_cmp(&a.1));
    draw(path, &bars, lines).with_context(|| format!("cannot write {}", path.display()))
}

fn draw(path: &Path, bars: &[(&str, f64)], lines: &[Line]) -> Result<()> {
    let size = (WIDTH, MARGIN + STEP * bars.len() as u32);
    let area = SVGBackend::new(path, size).into_drawing_area();
    area.fill(&WHITE)?;
    let title = match mean(lines) {
        Some((mean, _)) => format!("K42 / Linux, geometric mean {mean:.2}"),
        None => "K42 / Linux".into(),
    };
    // The axis runs over whole powers of two, and always holds 1.
    let powers = bars.iter().map(|(_, ratio)| ratio.log2());
    let low = powers.clone().fold(-1.0, f64::min).floor();
    let high = powers.fold(1.0, f64::max).ceil();
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(150)
        .build_cartesian_2d(low..high, (0..bars.len()).into_segmented())?;
    let name = |at: &SegmentValue<usize>| match at {
        SegmentValue::CenterOf(index) => bars.get(*index).map_or("", |(row, _)| row).to_string(),
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .x_labels((high - low) as usize + 1)
        .y_labels(bars.len())
        .x_label_formatter(&|power| format!("{}", power.exp2()))
        .y_label_formatter(&name)
        .draw()?;
    chart.draw_series(bars.iter().enumerate().map(|(index, (_, ratio))| {
        let colour = if *ratio <= 1.0 {
            BLUE.mix(0.6)
        } else {
            RED.mix(0.6)
        };
        let (from, to) = (
            (0.0, SegmentValue::Exact(index)),
            (ratio.log2(), SegmentValue::Exact(index + 1)),
        );
        let mut bar = Rectangle::new([from, to], colour.filled());
        bar.set_margin(2, 2, 0, 0);
        bar
    }))?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_a_bar_for_each_row() {
        let line = |row: &str, figure, linux| Line {
            row: row.into(),
            figure: Ok(figure),
            linux,
            target: None,
        };
        let lines = [
            line("fast_row", 10.0, Some(40.0)),
            line("slow_row", 40.0, Some(10.0)),
            line("lone_row", 1.0, None),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plot.svg");
        write(&path, &lines).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("fast_row") && text.contains("slow_row"),
            "{text}"
        );
        assert!(!text.contains("lone_row"));
        assert!(write(&path, &lines[2..]).is_err());
    }
}
