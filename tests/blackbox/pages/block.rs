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
    let mut lines = block.lines.iter().enumerate();
    while let Some((index, line)) = lines.next() {
        if let Some((to, command)) = prompted(line, in_reply) {
            in_reply = command != *line;
            if is_endless(command) {
                continue;
            }
            let mut whole = command.to_owned();
            if command.ends_with('{') {
                // A function of the shell, to its end.
                for (_, line) in lines.by_ref() {
                    whole = format!("{whole}\n{line}");
                    if *line == "}" {
                        break;
                    }
                }
            }
            let line_number = block.first_line + index;
            steps.push(Step {
                to,
                line: whole,
                shown: vec![],
                line_number,
                beside_others,
                ends_block: false,
            });
            beside_others |= command.ends_with('&');
        } else if line.is_empty() {
            in_reply = false;
        } else if let Some(step) = steps.last_mut().filter(|_| in_reply) {
            step.shown.push((*line).into());
        }
    }
    if let Some(last) = steps.last_mut() {
        last.ends_block = true;
    }
    steps
}

/// A line's command, and who is given it. Lines to be pasted have no prompt, and nothing shown below them.
fn prompted(line: &str, in_reply: bool) -> Option<(To, &str)> {
    let typed = line.strip_prefix("> ").map(|typed| (To::RedisCli, typed));
    let shell = || line.strip_prefix("$ ").map(|typed| (To::Shell, typed));
    let pasted = || (!in_reply && line.starts_with("CACHE.")).then_some((To::RedisCli, line));
    typed.or_else(shell).or_else(pasted)
}

/// Lines that begin a session with a person: redis-cli alone, and what goes on until it is stopped.
fn is_endless(line: &str) -> bool {
    let shows_for_ever =
        ["SUBSCRIBE ", "MONITOR", "--latency", "make "].iter().any(|word| line.contains(word));
    line == "redis-cli" || shows_for_ever
}
