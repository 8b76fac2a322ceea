//! The columns of the table, and which of them there is room for.

use ratatui::layout::Constraint;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;
use ratatui::widgets::{Cell, Row};

use super::figures::Figures;
use super::watch::{Recent, SHOWN};
use super::words::{bytes, count, duration, percent};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Name,
    Rate,
    Hits,
    Served,
    Sparkline,
    Saved,
    Waiters,
    Memory,
    Health,
}

impl Column {
    const ALL: [Column; 9] = [
        Column::Name,
        Column::Rate,
        Column::Hits,
        Column::Served,
        Column::Sparkline,
        Column::Saved,
        Column::Waiters,
        Column::Memory,
        Column::Health,
    ];

    /// Those that go where there is no room for all, in this order.
    const FIRST_TO_GO: [Column; 6] =
        [Column::Served, Column::Waiters, Column::Sparkline, Column::Saved, Column::Memory, Column::Rate];

    fn title(self) -> &'static str {
        match self {
            Column::Name => "",
            Column::Rate => "lookups/s",
            Column::Hits => "hits 1m",
            Column::Served => "served 1m",
            Column::Sparkline => "hit rate, last minute",
            Column::Saved => "saved",
            Column::Waiters => "wait",
            Column::Memory => "memory",
            Column::Health => "health",
        }
    }

    /// How wide it is at least; only names and sparklines are ever wider.
    fn width(self) -> u16 {
        match self {
            Column::Name => 16,
            Column::Rate | Column::Served | Column::Saved | Column::Memory => 9,
            Column::Hits | Column::Health => 8,
            Column::Sparkline => 10,
            Column::Waiters => 5,
        }
    }

    fn cell(self, width: u16, name: &str, figures: &Figures, recent: &Recent) -> Cell<'static> {
        match self {
            Column::Name => Cell::new(name.to_owned()),
            Column::Rate => Cell::new(count(recent.rate)),
            Column::Hits => Cell::new(percent(figures.number("hit_rate_percent_minute"))),
            Column::Served => Cell::new(percent(figures.number("served_rate_percent_minute"))),
            Column::Sparkline => Cell::new(recent.sparkline(width)),
            Column::Saved => Cell::new(duration(figures.count("time_saved_ms"))),
            Column::Waiters => Cell::new(count(figures.count("waiters"))),
            Column::Memory => Cell::new(bytes(figures.count("stored_bytes"))),
            Column::Health => Cell::new(health(figures)),
        }
    }
}

/// Those that are shown, each with its width.
pub struct Columns(Vec<(Column, u16)>);

impl Columns {
    /// As many as there is room for. What is left goes to names that are long, then to the sparkline, up to a minute.
    pub fn within(width: u16, longest_name: u16) -> Columns {
        let mut kept = Column::ALL.to_vec();
        for column in Column::FIRST_TO_GO {
            if least(&kept) > width {
                kept.retain(|other| *other != column);
            }
        }
        let mut left = width.saturating_sub(least(&kept));
        let mut widen = |column: Column, wanted: u16| {
            let more = wanted.saturating_sub(column.width()).min(left);
            left -= more;
            column.width() + more
        };
        let (name, sparkline) = (widen(Column::Name, longest_name), widen(Column::Sparkline, SHOWN));
        let width_of = |column: Column| match column {
            Column::Name => name,
            Column::Sparkline => sparkline,
            other => other.width(),
        };
        Columns(kept.into_iter().map(|column| (column, width_of(column))).collect())
    }

    /// How wide the table is with all columns, names of that length and half a minute.
    pub fn in_full(longest_name: u16) -> u16 {
        least(&Column::ALL) - Column::Name.width() + longest_name.max(Column::Name.width()) + 25
    }

    pub fn widths(&self) -> impl Iterator<Item = Constraint> {
        self.0.iter().map(|(_, width)| Constraint::Length(*width))
    }

    pub fn header(&self) -> Row<'static> {
        let titles = self.0.iter().map(|(column, _)| column.title());
        Row::new(titles).style(Style::new().add_modifier(Modifier::BOLD))
    }

    pub fn row(&self, name: &str, figures: &Figures, recent: &Recent) -> Row<'static> {
        Row::new(self.0.iter().map(|(column, width)| column.cell(*width, name, figures, recent)))
    }
}

/// How wide columns are at least, with the gaps between them.
fn least(columns: &[Column]) -> u16 {
    columns.iter().map(|column| column.width() + 1).sum::<u16>().saturating_sub(1)
}

/// The word, in its colour.
pub fn health(figures: &Figures) -> Span<'static> {
    let word = figures.word("health").to_owned();
    let color = match word.as_str() {
        "healthy" => Color::Green,
        "degraded" => Color::Red,
        _ => Color::DarkGray,
    };
    Span::styled(word, Style::new().fg(color))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(width: u16, longest_name: u16) -> Vec<(Column, u16)> {
        Columns::within(width, longest_name).0
    }

    #[test]
    fn what_matters_most_is_kept_and_whole() {
        let all = within(200, 20);
        assert_eq!(all.len(), 9);
        assert_eq!((all[0].1, all[4].1), (20, SHOWN));
        let kept: Vec<Column> = within(80, 40).into_iter().map(|(column, _)| column).collect();
        assert!(kept.contains(&Column::Sparkline) && !kept.contains(&Column::Served), "{kept:?}");
        assert_eq!(within(80, 40)[0], (Column::Name, 21), "names first");
        let smallest: Vec<Column> = within(1, 40).into_iter().map(|(column, _)| column).collect();
        assert_eq!(smallest, [Column::Name, Column::Hits, Column::Health]);
    }

    #[test]
    fn the_columns_fit() {
        for width in 34..300 {
            let columns = within(width, 30);
            let taken: u16 = columns.iter().map(|(_, width)| width + 1).sum();
            assert!(taken <= width + 1, "{columns:?} in {width}");
        }
        let of_full = within(Columns::in_full(128), 128);
        assert_eq!((of_full[0].1, of_full[4].1), (128, 35));
    }
}
