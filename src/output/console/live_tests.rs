//! What a terminal shows of the line that moves, and of what is said beside it.

use super::super::captured::Captured;
use super::super::{Console, StreamStyle};
use super::*;

/// What a terminal shows after these bytes: its lines, the last one being that of the cursor.
fn screen(bytes: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let (mut at, mut rest) = (0, bytes.chars().peekable());
    while let Some(c) = rest.next() {
        let line = lines.last_mut().unwrap();
        match c {
            '\n' => {
                lines.push(String::new());
                at = 0;
            }
            '\r' => at = 0,
            '\u{1b}' => {
                assert_eq!((rest.next(), rest.next()), (Some('['), Some('K')), "{bytes:?}");
                *line = line.chars().take(at).collect();
            }
            c => {
                let mut cells: Vec<char> = line.chars().collect();
                if at < cells.len() {
                    cells[at] = c;
                } else {
                    cells.push(c);
                }
                *line = cells.into_iter().collect();
                at += 1;
            }
        }
    }
    lines
}

const FORTY: Columns = || Some(40);

fn console(columns: Columns) -> (Console, LiveLine, Captured) {
    let (console, captured) = Console::captured(StreamStyle::default(), StreamStyle::default());
    let line = LiveLine::on(captured.terminal(), columns);
    (console.with_live(Some(line.clone())), line, captured)
}

#[test]
fn a_line_is_written_over_and_nothing_of_it_is_left() {
    let (_, line, captured) = console(FORTY);
    line.show("Building ci-eager-hopper (1m40s)");
    line.show("Building (2m)");
    assert_eq!(screen(&captured.err()), ["Building (2m)"]);
    assert!(!captured.err().contains(ERASE), "it is never blank in between: {:?}", captured.err());
    line.erase();
    assert_eq!(screen(&captured.err()), [""]);
    line.erase();
    line.step_aside();
    line.come_back();
    assert!(captured.err().ends_with(ERASE), "and does not come back: {:?}", captured.err());
}

#[test]
fn the_same_text_is_not_written_again() {
    let (_, line, captured) = console(FORTY);
    line.show("a");
    let before = captured.err();
    line.show("a");
    line.come_back();
    assert_eq!(captured.err(), before);
}

#[test]
fn whatever_else_is_written_stands_above_it_in_its_order() {
    let (mut console, line, captured) = console(FORTY);
    line.show("waiting");
    console.talk("one");
    console.event("data").unwrap();
    console.warning("two");
    console.data("more\n").unwrap();
    console.flush().unwrap();
    console.talk_lines("three\n\tfour");
    assert_eq!(
        screen(&captured.both()),
        ["one", "data", "Warning: two", "more", "three", "\tfour", "waiting"]
    );
    line.erase();
    console.talk("five");
    assert_eq!(screen(&captured.both()).last().unwrap(), "");
    assert_eq!(captured.out(), "data\nmore\n", "none of it is on stdout");
}

#[test]
fn bytes_of_a_log_do_not_land_behind_it() {
    let (mut console, line, captured) = console(FORTY);
    line.show("waiting");
    console.raw(b"log\n").unwrap();
    console.line("row").unwrap();
    line.show("waiting still");
    assert_eq!(screen(&captured.both()), ["log", "row", "waiting still"]);
}

#[test]
fn a_narrow_terminal_cuts_it_by_what_it_shows() {
    for (columns, text, shown) in [
        (Some(5), "abcd", "abcd"),
        (Some(5), "abcde", "abc…"),
        (Some(5), "漢字", "漢字"),
        (Some(5), "漢字漢", "漢…"),
        (Some(6), "漢字漢", "漢字…"),
        (Some(1), "abc", ""),
        (Some(0), "abc", ""),
        (Some(2), "abc", "…"),
        (Some(9), "größe\nx", "größe\\nx"),
    ] {
        let fits = clip(&sanitise(text), usize::from(columns.unwrap_or(COLUMNS)).saturating_sub(1));
        assert_eq!(fits, shown, "{text:?} in {columns:?}");
    }
    let (_, line, captured) = console(|| None);
    line.show(&"x".repeat(100));
    assert_eq!(screen(&captured.err())[0].chars().count(), 79, "80 columns where nobody knows");
}

#[test]
fn what_others_say_does_not_steer_the_terminal_there_either() {
    let (_, line, captured) = console(FORTY);
    line.show("a\u{1b}[2Jb\rc");
    assert_eq!(screen(&captured.err()), ["a^[[2Jb\\rc"]);
}
