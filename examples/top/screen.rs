//! The terminal: draws a frame each second, and obeys keys.

use std::error::Error;
use std::time::Instant;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::EVERY;
use super::frame::{View, draw};
use super::source::Source;
use super::watch::Watch;

/// Shows what the server does, until it is told to stop.
pub fn run(source: &mut Source) -> Result<(), Box<dyn Error>> {
    let mut watch = Watch::default();
    // What is wrong from the beginning is better said than drawn.
    watch.note(source.read()?, Instant::now());
    let mut terminal = ratatui::try_init()?;
    let outcome = watch_on(&mut terminal, source, &mut watch);
    ratatui::restore();
    outcome
}

fn watch_on(
    terminal: &mut DefaultTerminal,
    source: &mut Source,
    watch: &mut Watch,
) -> Result<(), Box<dyn Error>> {
    let mut view = View::default();
    loop {
        let mut rows = 0;
        terminal.draw(|frame| rows = draw(frame, watch, source.name(), &view))?;
        let next = Instant::now() + EVERY;
        while event::poll(next.saturating_duration_since(Instant::now()))? {
            if let Event::Key(key) = event::read()?
                && key.kind == KeyEventKind::Press
                && !obey(key, &mut view, rows)
            {
                return Ok(());
            }
            terminal.draw(|frame| rows = draw(frame, watch, source.name(), &view))?;
        }
        // A server that is away may come back.
        match source.read() {
            Ok(reading) => {
                watch.note(reading, Instant::now());
                view.trouble = None;
            }
            Err(trouble) => view.trouble = Some(trouble.to_string()),
        }
    }
}

/// Does what a key says; false is to stop.
fn obey(key: KeyEvent, view: &mut View, rows: usize) -> bool {
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return false,
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return false,
        KeyCode::Char('o') => view.order = view.order.next(),
        KeyCode::Down => view.above = view.above.saturating_add(1).min(rows.saturating_sub(1)),
        KeyCode::Up => view.above = view.above.saturating_sub(1),
        KeyCode::PageDown => view.above = view.above.saturating_add(10).min(rows.saturating_sub(1)),
        KeyCode::PageUp => view.above = view.above.saturating_sub(10),
        KeyCode::Home => view.above = 0,
        _ => {}
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_move_within_the_table_order_it_and_end_it() {
        let mut view = View::default();
        let mut press = |code| {
            let goes_on = obey(KeyEvent::new(code, KeyModifiers::NONE), &mut view, 15);
            (view.above, goes_on)
        };
        assert_eq!(press(KeyCode::Up), (0, true));
        assert_eq!(press(KeyCode::Down), (1, true));
        assert_eq!([press(KeyCode::PageDown), press(KeyCode::PageDown)], [(11, true), (14, true)]);
        assert_eq!([press(KeyCode::PageUp), press(KeyCode::Home)], [(4, true), (0, true)]);
        assert_eq!([press(KeyCode::Char('o')), press(KeyCode::Char('c'))], [(0, true); 2]);
        assert_eq!([press(KeyCode::Char('q')), press(KeyCode::Esc)], [(0, false); 2]);
        assert_ne!(view.order, View::default().order);
        assert!(!obey(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL), &mut view, 15));
    }
}
