//! Tables as kubectl prints them: upper-case headers, no lines, three spaces between columns, the last one ragged.
//!
//! In two things this differs from kubectl's writer on purpose: widths are what a terminal shows (kubectl counts
//! characters, and wide ones misalign it), and they are those of the whole table (kubectl's change each 100 rows).

use std::fmt::Write as _;

use comfy_table::Table as Grid;
use comfy_table::presets::NOTHING;

use super::console::sanitise;

/// What stands where nothing is.
pub const NONE: &str = "<none>";

const PADDING: u16 = 3;
const MINIMUM: u16 = 6;

/// A table in the making.
#[derive(Debug, Clone, Default)]
pub struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// How wide the columns of earlier lines were: kubectl's do not get narrower while it watches.
#[derive(Debug, Clone, Default)]
pub struct Widths(Vec<u16>);

impl Table {
    /// A table with these columns, in upper case.
    pub fn new<'a>(headers: impl IntoIterator<Item = &'a str>) -> Self {
        Self::as_typed(headers.into_iter().map(str::to_uppercase))
    }

    /// A table with these columns, named as somebody typed them.
    pub fn as_typed(headers: impl IntoIterator<Item = String>) -> Self {
        Self {
            headers: headers.into_iter().map(|header| sanitise(&header).into_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|text| clean(&text)).collect());
    }

    /// The table, each line ended; nothing at all for no rows.
    pub fn render(&self, headers: bool) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        self.lines_on(headers, &mut Widths::default())
    }

    /// The lines below earlier ones; the headers alone for no rows.
    pub fn lines_on(&self, headers: bool, earlier: &mut Widths) -> String {
        let mut grid = Grid::new();
        grid.load_style(NOTHING);
        if headers {
            grid.set_header(&self.headers);
        }
        grid.add_rows(&self.rows);
        let widths = grid.column_max_content_widths();
        for (index, width) in widths.iter().enumerate() {
            let last = index + 1 == widths.len();
            if earlier.0.len() <= index {
                earlier.0.push(0);
            }
            let whole = earlier.0[index].max(*width + PADDING).max(MINIMUM);
            earlier.0[index] = whole;
            let padding = if last { 0 } else { whole - width };
            if let Some(column) = grid.column_mut(index) {
                column.set_padding((0, padding));
            }
        }
        let last = usize::from(widths.last().copied().unwrap_or_default());
        let header = headers.then_some(false);
        let mut empty =
            header.into_iter().chain(self.rows.iter().map(|row| row.last().is_some_and(String::is_empty)));
        grid.lines().fold(String::new(), |mut text, line| {
            // the last column has no padding; that before it has
            let end = match empty.next() {
                Some(true) => &line[..line.len().saturating_sub(last)],
                _ => line.trim_end(),
            };
            let _ = writeln!(text, "{end}");
            text
        })
    }
}

/// A cell that says so where there is nothing.
pub fn said(text: String) -> String {
    if text.is_empty() { NONE.to_owned() } else { text }
}

/// A cell as kubectl shows it: cut at a line break, and without what steers a terminal.
fn clean(text: &str) -> String {
    match text.find(['\n', '\r', '\u{c}']) {
        Some(end) => format!("{}...", sanitise(&text[..end])),
        None => sanitise(text).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[[&str; 4]]) -> Table {
        let mut table = Table::new(["Name", "A", "Long Header", "Last"]);
        for row in rows {
            table.row(row.map(|text| said(text.to_owned())));
        }
        table
    }

    /// What kubectl 1.36 printed of the same cells.
    #[test]
    fn the_table_is_kubectls() {
        let table = table(&[
            ["ci-eager-hopper", "x", "1", "why not"],
            ["b", "<none>", "a\nb", "c\u{1b}d"],
            ["grüße", "y", "z", "z\rq"],
        ]);
        assert_eq!(
            table.render(true),
            "NAME              A        LONG HEADER   LAST\n\
             ci-eager-hopper   x        1             why not\n\
             b                 <none>   a...          c^[d\n\
             grüße             y        z             z...\n"
        );
        assert_eq!(
            table.render(false).lines().next(),
            Some("ci-eager-hopper   x        1      why not"),
            "widths without headers"
        );
    }

    #[test]
    fn narrow_columns_are_six_wide_and_the_last_is_ragged() {
        let table = table(&[["a", "b", "c", "d"], ["a", "b", "c", "a long last cell"]]);
        assert_eq!(table.render(false), "a     b     c     d\na     b     c     a long last cell\n");
    }

    #[test]
    fn wide_characters_align_by_what_a_terminal_shows() {
        let table = table(&[["漢字", "b", "c", "d"], ["abcd", "b", "c", "d"]]);
        assert_eq!(table.render(false), "漢字   b     c     d\nabcd   b     c     d\n");
    }

    #[test]
    fn nothing_is_said_where_nothing_is() {
        assert_eq!(table(&[]).render(true), "");
        assert_eq!(table(&[["", "", "", ""]]).render(false), "<none>   <none>   <none>   <none>\n");
    }

    #[test]
    fn a_tab_does_not_move_a_column() {
        assert_eq!(table(&[["a\tb", "b", "c", "d"]]).render(false), "a^Ib   b     c     d\n");
    }
}
