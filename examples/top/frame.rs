//! One frame: the server's line, then a table of namespaces, each with its operations below.

use std::io;

use ratatui::backend::TestBackend;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row, Table};
use ratatui::{Frame, Terminal};

use super::columns::{Columns, health};
use super::watch::Watch;
use super::words::{bytes, count, duration, percent};

/// By what namespaces are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    #[default]
    Name,
    Rate,
    Memory,
}

impl Order {
    /// The next one.
    pub fn next(self) -> Order {
        match self {
            Order::Name => Order::Rate,
            Order::Rate => Order::Memory,
            Order::Memory => Order::Name,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Order::Name => "name",
            Order::Rate => "rate",
            Order::Memory => "memory",
        }
    }
}

/// How it is looked at.
#[derive(Debug, Clone, Default)]
pub struct View {
    pub order: Order,
    /// Rows of the table that are above the screen.
    pub above: usize,
    /// What is wrong, if anything is.
    pub trouble: Option<String>,
}

/// What stands before the name of an operation.
const INDENT: &str = "  ";

/// Draws it; returns how many rows the table has.
pub fn draw(frame: &mut Frame<'_>, watch: &Watch, name: &str, view: &View) -> usize {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(3), Constraint::Min(1), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(Paragraph::new(summary(watch, name)), head);
    let columns = Columns::within(body.width, longest_name(watch));
    let rows = rows(watch, view.order, &columns);
    let (total, shown) = (rows.len(), rows.into_iter().skip(view.above));
    frame.render_widget(Table::new(shown, columns.widths()).header(columns.header()), body);
    let hint = format!("q quit   arrows scroll   o order: {}", view.order.word());
    let line = match &view.trouble {
        Some(trouble) => Line::styled(trouble.clone(), Style::new().fg(Color::Red)),
        None => Line::styled(hint, Style::new().add_modifier(Modifier::DIM)),
    };
    frame.render_widget(line, foot);
    total
}

/// As the first column shows them.
fn longest_name(watch: &Watch) -> u16 {
    let namespaces = watch.reading.namespaces.iter();
    let names = namespaces.flat_map(|(namespace, (_, operations))| {
        operations.keys().map(|operation| operation.len() + INDENT.len()).chain([namespace.len()])
    });
    names.max().and_then(|longest| u16::try_from(longest).ok()).unwrap_or(0)
}

/// The server in two lines.
fn summary(watch: &Watch, name: &str) -> Vec<Line<'static>> {
    let (all, recent) = (&watch.reading.all, watch.recent(None, None));
    let first = Line::from(vec![
        Span::styled(format!("{name}  "), Style::new().add_modifier(Modifier::BOLD)),
        health(all),
        Span::raw(format!(
            "   {} lookups/s   hit rate {} (1m {}, 1h {})   saved {}",
            count(recent.rate),
            percent(all.number("hit_rate_percent")),
            percent(all.number("hit_rate_percent_minute")),
            percent(all.number("hit_rate_percent_hour")),
            duration(all.count("time_saved_ms")),
        )),
    ]);
    let second = Line::raw(format!(
        "{} entries, {}   {} waiters (at most {})   {} leases lapsed   {} fenced   {} evicted   {} to sweep   {} errors",
        count(all.count("entries")),
        bytes(all.count("stored_bytes")),
        count(all.count("waiters")),
        count(all.count("waiters_peak")),
        count(all.count("leases_lapsed")),
        count(all.count("fenced")),
        count(all.count("evictions")),
        count(all.count("sweep_pending")),
        count(all.count("errors")),
    ));
    vec![first, second]
}

fn rows(watch: &Watch, order: Order, columns: &Columns) -> Vec<Row<'static>> {
    let mut namespaces: Vec<_> = watch.reading.namespaces.iter().collect();
    match order {
        Order::Name => {}
        Order::Rate => namespaces.sort_by(|one, other| {
            let rate = |name: &str| watch.recent(Some(name), None).rate;
            rate(other.0).total_cmp(&rate(one.0))
        }),
        Order::Memory => namespaces.sort_by(|(_, (one, _)), (_, (other, _))| {
            other.count("stored_bytes").total_cmp(&one.count("stored_bytes"))
        }),
    }
    let mut rows = Vec::new();
    for (namespace, (figures, operations)) in namespaces {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let recent = watch.recent(Some(namespace), None);
        rows.push(columns.row(namespace, figures, &recent).style(bold));
        for (operation, figures) in operations {
            let recent = watch.recent(Some(namespace), Some(operation));
            rows.push(columns.row(&format!("{INDENT}{operation}"), figures, &recent));
        }
    }
    if watch.reading.has_more {
        rows.push(Row::new(["(and more)"]));
    }
    rows
}

/// The same as plain text, without the line of keys.
pub fn as_text(watch: &Watch, name: &str) -> io::Result<String> {
    // Names are whole here, and all rows are shown.
    let width = Columns::in_full(longest_name(watch));
    let rows = rows(watch, Order::default(), &Columns::within(width, longest_name(watch))).len();
    let height = u16::try_from(rows).unwrap_or(u16::MAX - 5) + 5;
    let mut terminal = Terminal::new(TestBackend::new(width, height))?;
    terminal.draw(|frame| {
        draw(frame, watch, name, &View::default());
    })?;
    let buffer = terminal.backend().buffer();
    let line =
        |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned() + "\n";
    Ok((0..height - 1).map(line).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::{Duration, Instant};

    use super::super::figures::{Figures, Reading};
    use super::*;

    fn watch() -> Watch {
        let at = |lookups: &'static str, hits: &'static str| {
            let of = Figures::from([
                ("lookups", lookups),
                ("hits", hits),
                ("hit_rate_percent_minute", "75.00"),
                ("time_saved_ms", "200000"),
                ("stored_bytes", "1536"),
                ("health", "degraded"),
            ]);
            let small = Figures::from([("lookups", "1"), ("stored_bytes", "10"), ("health", "idle")]);
            Reading {
                all: of.clone(),
                namespaces: BTreeMap::from([
                    ("demo".to_owned(), (of.clone(), BTreeMap::from([("encode".to_owned(), of)]))),
                    ("a-small-one".to_owned(), (small, BTreeMap::new())),
                ]),
                has_more: false,
            }
        };
        let (mut watch, begun) = (Watch::default(), Instant::now());
        watch.note(at("0", "0"), begun);
        watch.note(at("40", "30"), begun + Duration::from_secs(2));
        watch
    }

    #[test]
    fn a_frame_shows_every_row() {
        let text = as_text(&watch(), "127.0.0.1:6379").expect("a frame");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("127.0.0.1:6379  degraded   20 lookups/s"), "{text}");
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
        assert_eq!(words(lines[4]), "a-small-one 0 - - · 0ms 0 10 B idle", "{text}");
        assert_eq!(words(lines[6]), "encode 20 75.0 % - ▇ 3m 20s 0 1.5 KB degraded", "{text}");
        assert_eq!(lines.len(), 7, "{text}");
    }

    #[test]
    fn long_names_are_whole_and_what_is_left_out_is_told() {
        let mut watch = watch();
        let long = "x".repeat(128);
        watch.reading.namespaces.insert(long.clone(), (Figures::default(), BTreeMap::new()));
        watch.reading.has_more = true;
        let text = as_text(&watch, "here").expect("a frame");
        assert!(text.contains(&format!("\n{long} 0 ")) && text.ends_with("\n(and more)\n"), "{text}");
    }

    #[test]
    fn a_narrow_sparkline_shows_the_newest() {
        let (mut watch, mut at) = (Watch::default(), Instant::now());
        for second in 0..=60_u64 {
            // Misses, and hits at last.
            let (lookups, hits) = ((second * 10).to_string(), (second.saturating_sub(50) * 10).to_string());
            let all = Figures::from([("lookups", &*lookups), ("hits", &*hits)]);
            let namespaces = BTreeMap::from([("demo".to_owned(), (all.clone(), BTreeMap::new()))]);
            watch.note(Reading { all, namespaces, has_more: false }, at);
            at += Duration::from_secs(1);
        }
        let text = as_text(&watch, "here").expect("a frame");
        assert!(text.contains(&format!("▁{} ", "█".repeat(10))), "{text}");
    }

    #[test]
    fn rows_are_ordered_and_tiny_terminals_are_none_the_worse() {
        let watch = watch();
        let view = View { order: Order::Memory, trouble: Some("it is away".to_owned()), ..View::default() };
        let mut terminal = Terminal::new(TestBackend::new(116, 12)).expect("a terminal");
        terminal
            .draw(|frame| {
                draw(frame, &watch, "here", &view);
            })
            .expect("drawn");
        let text = terminal.backend().to_string();
        assert!(text.find("demo") < text.find("a-small-one") && text.contains("it is away"), "{text}");
        for (width, height) in [(1, 1), (20, 3), (80, 2), (300, 100)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
            let view = View { above: 2, ..View::default() };
            terminal
                .draw(|frame| {
                    draw(frame, &watch, "here", &view);
                })
                .expect("drawn");
        }
        let orders = [Order::Name.next(), Order::Rate.next(), Order::Memory.next()];
        assert_eq!(orders, [Order::Rate, Order::Memory, Order::Name]);
    }
}
