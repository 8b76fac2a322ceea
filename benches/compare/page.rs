//! The places of tables on a page: `<!-- table: its-name -->` begins one, `<!-- end -->` ends it.

const END: &str = "<!-- end -->";

/// The page with this table in its place, instead of what is there. None where it has no such place.
pub fn with_table(page: &str, name: &str, table: &str) -> Option<String> {
    let begin = format!("<!-- table: {name} -->\n");
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(END)?;
    // A line between keeps Markdown from reading the comment as a part of the table.
    Some([before, &begin, "\n", table, "\n", END, after].concat())
}
