//! The fenced blocks of a page, and the steps in them.

/// A fenced block: the word after its fence, the number of its first line, its lines.
pub(super) struct Block<'a> {
    pub kind: &'a str,
    pub first_line: usize,
    pub lines: Vec<&'a str>,
}

/// Who is given a step's line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum To {
    RedisCli,
    Shell,
}

/// A command line and what the page shows below it.
#[derive(Debug)]
pub(super) struct Step {
    pub to: To,
    pub line: String,
    pub shown: Vec<String>,
    /// Where it stands in the page, counted from 1.
    pub line_number: usize,
    /// Whether something before it, in the same block, goes on in the background.
    pub beside_others: bool,
    /// Whether what goes on in the background has to end after it.
    pub ends_block: bool,
}

/// All fenced blocks, in their order.
pub(super) fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        blocks.push(Block { kind, first_line: index + 2, lines: inside });
    }
    blocks
}

/// What is carried out of a page, in its order.
pub(super) fn steps(page: &str) -> Vec<Step> {
    let sessions = blocks(page).into_iter().filter(|block| ["", "redis"].contains(&block.kind));
    sessions.flat_map(|block| steps_of(&block)).collect()
}

fn steps_of(block: &Block<'_>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut in_reply, mut beside_others) = (false, false);
    let mut lines = (block.first_line..).zip(block.lines.iter().copied());
    while let Some((line_number, line)) = lines.next() {
        if let Some((to, command)) = prompted(line, in_reply) {
            // Of a line without a prompt nothing is shown.
            in_reply = command != line && !is_for_people(command);
            if !is_for_people(command) {
                let line = whole(command, lines.by_ref().map(|(_, line)| line));
                steps.push(Step { to, line, shown: vec![], line_number, beside_others, ends_block: false });
                beside_others |= command.ends_with('&');
            }
        } else if line.is_empty() {
            in_reply = false;
        } else if let Some(step) = steps.last_mut().filter(|_| in_reply) {
            step.shown.push(line.into());
        }
    }
    if let Some(last) = steps.last_mut() {
        last.ends_block = true;
    }
    steps
}

/// The command with the lines that belong to it: a function of the shell goes on to its closing brace.
fn whole<'a>(command: &str, following: impl Iterator<Item = &'a str>) -> String {
    let mut whole = command.to_owned();
    if command.ends_with('{') {
        for line in following {
            whole.push('\n');
            whole.push_str(line);
            if line == "}" {
                break;
            }
        }
    }
    whole
}

/// A line's command, and who is given it. Lines to be pasted have no prompt, and nothing shown below them.
fn prompted(line: &str, in_reply: bool) -> Option<(To, &str)> {
    let typed = line.strip_prefix("> ").map(|typed| (To::RedisCli, typed));
    let shell = || line.strip_prefix("$ ").map(|typed| (To::Shell, typed));
    let pasted = || (!in_reply && line.starts_with("CACHE.")).then_some((To::RedisCli, line));
    typed.or_else(shell).or_else(pasted)
}

/// Lines that are not carried out: redis-cli alone, what goes on until it is stopped, and `make`, of which the target is checked.
fn is_for_people(line: &str) -> bool {
    let goes_on = ["SUBSCRIBE ", "MONITOR", "--latency"].iter().any(|word| line.contains(word));
    line == "redis-cli" || line.starts_with("make ") || goes_on
}
