//! What came of a run: tables as `docs/benchmarks.md` shows them, and the bars, which are shown together at its end.

use std::error::Error;
use std::fs;
use std::path::Path;

use crate::page;
use crate::spread::{self, Spread};

/// The page that has a place for every table.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/benchmarks.md");

/// A table in Markdown. Its columns are padded, so that it can be read on a terminal as well.
pub struct Table {
    /// How its place on the page is called.
    name: &'static str,
    /// The first one is the head.
    rows: Vec<Vec<String>>,
}

/// Everything that was found out so far.
#[derive(Default)]
pub struct Report {
    /// Tables by their names.
    tables: Vec<(&'static str, String)>,
    bars: Vec<Bar>,
}

/// Something that a release has to reach.
pub struct Bar {
    what: String,
    asked: String,
    found: Vec<Found>,
}

/// What was measured of it.
struct Found {
    figure: String,
    /// What the figure counts, where there are several of them.
    by: &'static str,
    reached: bool,
}

impl Table {
    /// One without rows.
    pub fn new(name: &'static str, head: &[&str]) -> Table {
        Table { name, rows: vec![head.iter().map(|cell| (*cell).to_owned()).collect()] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// In Markdown.
    pub fn markdown(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                self.rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or_default().max(3)
            })
            .collect();
        let line = |row: &[String]| {
            let padded = widths.iter().enumerate().map(|(at, width)| format!("{:<width$}", cell(row, at)));
            format!("| {} |\n", padded.collect::<Vec<_>>().join(" | "))
        };
        let rule = widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>();
        let mut lines: Vec<String> = self.rows.iter().map(|row| line(row)).collect();
        lines.insert(1.min(lines.len()), line(&rule));
        lines.concat()
    }
}

impl Bar {
    /// Of this, so much is asked for.
    pub fn new(what: impl Into<String>, asked: impl Into<String>) -> Bar {
        Bar { what: what.into(), asked: asked.into(), found: Vec::new() }
    }

    /// This was measured, and is enough or is not.
    pub fn found(mut self, figure: String, reached: bool) -> Bar {
        self.found.push(Found { figure, by: "", reached });
        self
    }

    /// A ratio of which the median must be at least so high; it counts operations by the clock, or by the processor.
    pub fn at_least(mut self, least: f64, ratio: Spread, by: &'static str) -> Bar {
        self.found.push(Found { figure: spread::ratio(ratio), by, reached: ratio.median >= least });
        self
    }

    /// As a row of the table of all bars.
    pub fn row(&self) -> Vec<String> {
        vec![self.what.clone(), self.asked.clone(), self.measured(), self.verdict()]
    }

    /// Each figure with what it counts.
    fn measured(&self) -> String {
        let one = |found: &Found| match found.by {
            "" => found.figure.clone(),
            by => format!("{} {by}", found.figure),
        };
        self.found.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// Whether all of them are enough, or which are.
    fn verdict(&self) -> String {
        let enough: Vec<&str> =
            self.found.iter().filter(|found| found.reached).map(|found| found.by).collect();
        match enough.len() {
            0 => "**not reached**".to_owned(),
            all if all == self.found.len() => "reached".to_owned(),
            _ => format!("**only {}**", enough.join(", ")),
        }
    }
}

impl Report {
    /// Shows a table, and keeps it for the page. One in which everything was left out is as if it were not there.
    pub fn table(&mut self, table: &Table) {
        if table.rows.len() < 2 {
            return;
        }
        let text = table.markdown();
        print!("\n{text}");
        self.tables.push((table.name, text));
    }

    /// Shows one bar, and keeps it for the end.
    pub fn bar(&mut self, bar: Bar) {
        println!("  bar: {}, {}: {}: {}", bar.what, bar.asked, bar.measured(), bar.verdict());
        self.bars.push(bar);
    }

    /// All bars in one table, what is asked beside what was measured.
    pub fn finish(&mut self) {
        if self.bars.is_empty() {
            return;
        }
        let mut table = Table::new("bars", &["", "asked", "measured", ""]);
        for bar in &self.bars {
            table.row(bar.row());
        }
        println!("\nThe bars");
        self.table(&table);
    }

    /// Writes the tables into the page. That of the bars is left as it is where some parts were left out.
    pub fn write(&self, whole: bool) -> Result<(), Box<dyn Error>> {
        let mut text = fs::read_to_string(PAGE)?;
        for (name, table) in &self.tables {
            if *name != "bars" || whole {
                text = page::with_table(&text, name, table)
                    .ok_or_else(|| format!("docs/benchmarks.md has no place for the table {name:?}"))?;
            }
        }
        fs::write(PAGE, text)?;
        println!("\nwritten: {}", Path::new(PAGE).display());
        Ok(())
    }
}
