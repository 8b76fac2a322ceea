//! Params without what makes no difference (IGNORE).

use crate::core::canonical::strings;
use crate::core::pointer::{Pointer, Token};

/// Appends `canonical`, a canonical JSON text, to `out` without the members and elements that the pointers lead
/// to. What remains is canonical again.
///
/// All pointers are into the text as it is given: `/0 /1` takes the first two elements. One that leads nowhere
/// takes nothing, and neither does the one to the whole text. Nothing recurses.
pub fn cut(canonical: &[u8], pointers: &[Pointer], out: &mut Vec<u8>) {
    let start = out.len();
    let ways = pointers.iter().map(Pointer::tokens).filter(|tokens| !tokens.is_empty()).collect();
    let mut cutter = Cutter { rest: canonical, ways, open: Vec::new(), out };
    if cutter.run().is_none() {
        // It was not canonical, which is no reason to lose it.
        out.truncate(start);
        out.extend_from_slice(canonical);
    }
}

struct Cutter<'a> {
    /// What is not read yet.
    rest: &'a [u8],
    /// For each pointer that leads into the container that is read, the steps that remain from there, never none;
    /// below those of its parents.
    ways: Vec<&'a [Token]>,
    /// The containers that are read, the innermost last.
    open: Vec<Open>,
    out: &'a mut Vec<u8>,
}

/// A container into which pointers lead.
struct Open {
    bracket: u8,
    /// Where its ways begin.
    ways: usize,
    /// How many children were read.
    read: usize,
    /// Whether no child was written yet.
    is_empty: bool,
}

impl<'a> Cutter<'a> {
    /// Reads the whole text; `None` where it is not canonical.
    fn run(&mut self) -> Option<()> {
        self.value(0)?;
        while let Some(container) = self.open.last() {
            match self.rest.split_first()? {
                (&end, rest) if end == container.bracket => {
                    self.out.push(end);
                    self.rest = rest;
                    self.ways.truncate(container.ways);
                    self.open.pop();
                }
                (b',', rest) => self.rest = rest,
                _ => self.child()?,
            }
        }
        self.rest.is_empty().then_some(())
    }

    /// Reads one value, into which the ways from `ways` on lead.
    fn value(&mut self, ways: usize) -> Option<()> {
        let bracket = match self.rest.first()? {
            b'{' if ways < self.ways.len() => b'}',
            b'[' if ways < self.ways.len() => b']',
            _ => {
                self.ways.truncate(ways);
                let value = self.take(end_of_value(self.rest)?)?;
                self.out.extend_from_slice(value);
                return Some(());
            }
        };
        let opening = self.take(1)?;
        self.out.extend_from_slice(opening);
        self.open.push(Open { bracket, ways, read: 0, is_empty: true });
        Some(())
    }

    /// Reads one member or element of the innermost container, and writes it unless a pointer leads to it.
    fn child(&mut self) -> Option<()> {
        let container = self.open.last_mut()?;
        let (index, is_member) = (container.read, container.bracket == b'}');
        let (first_way, ways) = (container.ways, self.ways.len());
        container.read = index.saturating_add(1);
        let name = if is_member { self.take(end_of_string(self.rest)?)? } else { b"" };
        let mut is_cut = false;
        for way in first_way..ways {
            let (token, beyond) = self.ways.get(way)?.split_first()?;
            let leads_here = if is_member { *token.spelled == *name } else { token.index == Some(index) };
            match beyond {
                _ if !leads_here => {}
                [] => is_cut = true,
                _ => self.ways.push(beyond),
            }
        }
        let colon = if is_member { self.take(1)? } else { b"" };
        if is_cut {
            self.ways.truncate(ways);
            self.take(end_of_value(self.rest)?)?;
            return Some(());
        }
        let container = self.open.last_mut()?;
        if !std::mem::take(&mut container.is_empty) {
            self.out.push(b',');
        }
        self.out.extend_from_slice(name);
        self.out.extend_from_slice(colon);
        self.value(ways)
    }

    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(taken)
    }
}

/// How long the value is that `text` begins with.
fn end_of_value(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'"' => end_of_string(text),
        b'{' | b'[' => end_of_container(text),
        _ => Some(text.iter().position(|byte| matches!(byte, b',' | b']' | b'}')).unwrap_or(text.len())),
    }
}

fn end_of_container(text: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = 0usize;
    loop {
        match text.get(at)? {
            b'"' => {
                at = at.saturating_add(end_of_string(text.get(at..)?)?);
                continue;
            }
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at = at.saturating_add(1);
        if depth == 0 {
            return Some(at);
        }
    }
}

/// How long the string is that `text` begins with, quotes included.
fn end_of_string(text: &[u8]) -> Option<usize> {
    let mut at = 1usize;
    loop {
        at = strings::end_of_plain_run(text, at);
        match text.get(at)? {
            b'"' => return Some(at.saturating_add(1)),
            b'\\' => at = at.saturating_add(2),
            _ => return None,
        }
    }
}
