//! Links from page to page.

use std::fs;

use super::{Page, root};

/// The links of a page that lead nowhere, in words. Those to other hosts are believed.
pub(super) fn dead(page: &Page) -> Vec<String> {
    let prose = page.text.split("```").step_by(2);
    let targets = prose.flat_map(|prose| prose.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
    let here = targets.filter(|target| !target.contains("://"));
    here.filter(|target| !leads(page, target))
        .map(|target| format!("{}: {target} leads nowhere", page.path.display()))
        .collect()
}

fn leads(page: &Page, target: &str) -> bool {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let folder = root().join(&page.path).with_file_name("");
    let path = if file.is_empty() { root().join(&page.path) } else { folder.join(file) };
    if heading.is_empty() {
        return path.exists();
    }
    fs::read_to_string(path)
        .is_ok_and(|text| text.lines().any(|line| anchor(line).as_deref() == Some(heading)))
}

/// What a heading is called in links: its words in lower case, joined by `-`.
fn anchor(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    Some(kept.collect::<String>().to_lowercase().replace(' ', "-"))
}
