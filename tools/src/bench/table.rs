//! Figures side by side: as a table, as JSON.

use super::figures::Figures;
use serde_json::{Map, Value, json};

/// One row of the comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its name.
    pub row: String,
    /// K42's figure in instructions, or why there is none.
    pub figure: Result<f64, String>,
    /// Linux's.
    pub linux: Option<f64>,
    /// What K42 is to reach.
    pub target: Option<f64>,
}

impl Line {
    /// K42's figure as a multiple of Linux's.
    pub fn ratio(&self) -> Option<f64> {
        let (Ok(figure), Some(linux)) = (&self.figure, self.linux) else {
            return None;
        };
        (linux > 0.0).then(|| figure / linux)
    }

    /// The line of the table.
    fn text(&self) -> String {
        let row = &self.row;
        let figure = match &self.figure {
            Ok(figure) => *figure,
            Err(why) => return format!("{row:<20} {why}"),
        };
        let beside = self.linux.map_or_else(|| "-".into(), number);
        let ratio = self
            .ratio()
            .map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}"));
        let judged = match self.target {
            Some(target) if figure <= target => format!("{} met", number(target)),
            Some(target) => format!("{} missed by {}", number(target), number(figure - target)),
            None => String::new(),
        };
        let figure = number(figure);
        format!("{row:<20} {figure:>14} {beside:>14} {ratio:>8}  {judged}")
            .trim_end()
            .into()
    }
}

/// The geometric mean of the ratios, and of how many.
pub fn mean(lines: &[Line]) -> Option<(f64, usize)> {
    // A row that costs nothing on either side would make the mean nothing.
    let logs: Vec<f64> = lines
        .iter()
        .filter_map(Line::ratio)
        .filter(|&ratio| ratio > 0.0)
        .map(f64::ln)
        .collect();
    let count = logs.len();
    (count > 0).then(|| ((logs.iter().sum::<f64>() / count as f64).exp(), count))
}

/// Prints the table.
pub fn print(lines: &[Line], unit: &str) {
    println!(
        "{:<20} {unit:>14} {:>14} {:>8}  target",
        "row", "linux", "ratio"
    );
    for line in lines {
        println!("{}", line.text());
    }
    if let Some((mean, count)) = mean(lines) {
        println!(
            "{:<20} {:>14} {:>14} {mean:>8.2}  of {count} rows",
            "geometric mean", "", ""
        );
    }
}

/// A number with commas, and one decimal if it is small.
pub fn number(value: f64) -> String {
    if value < 100.0 && value.fract() >= 0.05 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The figures as one JSON object, row to instructions; rows without a figure are null. With Linux's measured
/// beside them there are two such objects, by the names of the systems.
pub fn to_json(k42: &Figures, linux: Option<&Figures>) -> String {
    let object = |figures: &Figures| -> Value {
        let rows = figures.iter();
        Value::Object(
            rows.map(|(row, f)| (row.clone(), json!(f.as_ref().ok())))
                .collect::<Map<_, _>>(),
        )
    };
    let all = match linux {
        Some(linux) => json!({"k42": object(k42), "linux": object(linux)}),
        None => object(k42),
    };
    format!("{all:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(figure: f64, linux: Option<f64>, target: Option<f64>) -> Line {
        Line {
            row: "getpid".into(),
            figure: Ok(figure),
            linux,
            target,
        }
    }

    #[test]
    fn writes_the_table() {
        let text = line(250.0, Some(360.0), Some(300.0)).text();
        assert_eq!(
            text.split_whitespace().collect::<Vec<_>>(),
            ["getpid", "250", "360", "0.69", "300", "met"]
        );
        let text = line(1234.0, None, Some(1000.0)).text();
        assert!(text.ends_with("1,000 missed by 234"), "{text}");
        assert_eq!(number(1_234_567.0), "1,234,567");
        assert_eq!(number(0.5), "0.5");
    }

    #[test]
    fn the_mean_is_of_ratios() {
        let lines = [
            line(100.0, Some(400.0), None),
            line(400.0, Some(100.0), None),
            line(100.0, Some(400.0), None),
            line(5.0, None, None),
            line(5.0, Some(0.0), None),
        ];
        let (mean, count) = mean(&lines).unwrap();
        assert_eq!(count, 3);
        assert!((mean - 0.25f64.powf(1.0 / 3.0)).abs() < 1e-9, "{mean}");
        assert_eq!(super::mean(&[]), None);
    }

    #[test]
    fn writes_json() {
        let figures = Figures::from([("a".into(), Ok(360.0)), ("b".into(), Err("no".into()))]);
        assert_eq!(
            to_json(&figures, None),
            "{\n  \"a\": 360.0,\n  \"b\": null\n}\n"
        );
        let both: Value = serde_json::from_str(&to_json(&figures, Some(&figures))).unwrap();
        assert_eq!(both["linux"]["a"], 360.0);
    }
}
