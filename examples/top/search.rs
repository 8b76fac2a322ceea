//! The search for namespaces, which `CACHE.STATS` does not name: SCAN finds their keys by type.

use std::collections::BTreeSet;
use std::mem;

use redis::{Connection, RedisResult};

/// How many namespaces are found at most.
pub const MOST: usize = 200;

/// How many steps of SCAN a look takes at most, so that a large server is not asked for everything at once.
const STEPS: usize = 50;

/// The type of a namespace's key.
const NAMESPACE_TYPE: &str = "cache-nsp";

/// What was found so far. It goes round and round: what is new is shown at once, what is gone until a round is over.
#[derive(Debug, Default)]
pub struct Search {
    cursor: u64,
    /// Found since the round began.
    of_round: BTreeSet<String>,
    found: BTreeSet<String>,
    /// There were more than [`MOST`], in the round before this one, and in this one.
    had_more: bool,
    has_more: bool,
}

impl Search {
    pub fn found(&self) -> &BTreeSet<String> {
        &self.found
    }

    /// Whether there are more of them.
    pub fn has_more(&self) -> bool {
        self.had_more || self.has_more
    }

    /// Begins a round anew: what a server said where to go on means nothing to another, or to itself after a restart.
    pub fn begin_anew(&mut self) {
        *self = Search { found: mem::take(&mut self.found), had_more: self.had_more, ..Search::default() };
    }

    /// Goes on for some steps.
    pub fn go_on(&mut self, connection: &mut Connection) -> RedisResult<()> {
        for _ in 0..STEPS {
            let mut scan = redis::cmd("SCAN");
            scan.arg(self.cursor).arg("TYPE").arg(NAMESPACE_TYPE).arg("COUNT").arg(1000);
            let (cursor, keys) = scan.query(connection)?;
            self.note(cursor, keys);
            if cursor == 0 {
                break;
            }
        }
        Ok(())
    }

    fn note(&mut self, cursor: u64, keys: Vec<Vec<u8>>) {
        // A key that was renamed to what is no text is no namespace any more.
        for name in keys.into_iter().filter_map(|key| String::from_utf8(key).ok()) {
            self.has_more |= !insert(&mut self.of_round, name.clone());
            insert(&mut self.found, name);
        }
        self.cursor = cursor;
        if cursor == 0 {
            self.found = mem::take(&mut self.of_round);
            self.had_more = mem::take(&mut self.has_more);
        }
    }
}

/// False where there is no room for it.
fn insert(names: &mut BTreeSet<String>, name: String) -> bool {
    if names.len() < MOST {
        names.insert(name);
        return true;
    }
    names.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Vec<Vec<u8>> {
        names.iter().map(|name| name.as_bytes().to_vec()).collect()
    }

    #[test]
    fn what_is_new_is_shown_at_once_and_what_is_gone_until_the_round_is_over() {
        let mut search = Search::default();
        search.note(0, keys(&["a", "b"]));
        search.note(7, keys(&["c"]));
        assert_eq!(search.found().iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        search.note(0, keys(&["a", "c"]));
        assert_eq!(search.found().iter().collect::<Vec<_>>(), ["a", "c"]);
        search.note(7, vec![vec![0xff], b"d".to_vec()]);
        search.begin_anew();
        assert_eq!((search.cursor, search.of_round.len(), search.found().len()), (0, 0, 3));
    }

    #[test]
    fn it_keeps_no_more_than_are_shown() {
        let mut search = Search::default();
        let many: Vec<String> = (0..=MOST).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        search.note(7, keys(&many[1..]));
        search.note(9, keys(&many[1..]));
        assert!(!search.has_more(), "SCAN may name a key twice");
        search.note(0, keys(&many[..1]));
        search.note(7, keys(&many[..1]));
        assert!(search.has_more() && search.found().len() == MOST);
        search.note(0, keys(&[]));
        assert!(!search.has_more() && search.found().len() == 1);
    }
}
