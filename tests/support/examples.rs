//! The examples of a help text, and the commands of a page.

/// Its examples, in order: each a script of one line or of several that belong together.
pub(crate) fn examples(help: &str) -> Vec<String> {
    let Some((_, after)) = help.split_once("Examples:\n") else { return Vec::new() };
    let end = after.find("\n\nUsage:").unwrap_or(after.len());
    let script = |paragraph: &str| {
        let lines = paragraph.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        lines.collect::<Vec<_>>().join("\n")
    };
    after[..end].split("\n\n").map(script).filter(|script| !script.is_empty()).collect()
}

/// The commands of a page, in order; one that goes on in the next line is a text of several.
pub(crate) fn commands(page: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut block = "";
    for line in page.lines() {
        if let Some(kind) = line.trim_start().strip_prefix("```") {
            block = if block.is_empty() { kind } else { "" };
            continue;
        }
        if let Some(last) = commands.last_mut().filter(|last| !block.is_empty() && goes_on(last)) {
            *last = format!("{last}\n{line}");
            continue;
        }
        let command = match block {
            "console" => line.trim_start().strip_prefix("$ "),
            "sh" => Some(line.trim_start()).filter(|line| !line.starts_with('#')),
            _ => None,
        };
        commands.extend(command.map(str::to_owned));
    }
    commands
}

/// Whether a command has not come to its end: at a backslash, at a pipe, within quotes or within a here-document.
fn goes_on(command: &str) -> bool {
    let here =
        command.split_once("<<").map(|(_, rest)| rest.trim_start_matches('\'').split(['\n', '\'']).next());
    if let Some(Some(word)) = here {
        return !command.lines().skip(1).any(|line| line == word);
    }
    command.ends_with(['\\', '|']) || command.matches('\'').count() % 2 == 1
}
