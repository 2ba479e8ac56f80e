//! The examples of a help text.

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
