//! A terminal's picture, as SVG: text stays text, and each piece is as wide as its cells, whatever the font.

use std::fmt::Write as _;

use vt100::{Cell, Color};

use crate::terminal::Terminal;

/// Of a cell.
const WIDTH: u32 = 8;
const HEIGHT: u32 = 17;
/// Around all of them.
const MARGIN: u32 = 10;
/// From the top of a line to where its letters stand.
const BASELINE: u32 = 13;

const BACKGROUND: &str = "#101418";
const TEXT: &str = "#dde3e9";
/// As terminals have them: dark, then bright.
const COLOURS: [&str; 16] = [
    "#3b444d", "#ff8378", "#6fcf8f", "#e3b341", "#7db4ff", "#d2a0f0", "#62c9d4", "#c5ced6",
    "#8b97a3", "#ffa198", "#8fe0a8", "#f0cc70", "#a5ccff", "#e2bdf8", "#8fe0e8", "#ffffff",
];

/// How a piece of a line looks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    text: String,
    background: Option<String>,
    is_bold: bool,
    is_dim: bool,
    is_underlined: bool,
}

impl Look {
    fn of(cell: &Cell) -> Self {
        let text = colour(cell.fgcolor()).unwrap_or_else(|| TEXT.to_owned());
        let background = colour(cell.bgcolor());
        let (text, background) = match cell.inverse() {
            true => (background.unwrap_or_else(|| BACKGROUND.to_owned()), Some(text)),
            false => (text, background),
        };
        let (is_bold, is_dim) = (cell.bold(), cell.dim());
        Self { text, background, is_bold, is_dim, is_underlined: cell.underline() }
    }
}

fn colour(colour: Color) -> Option<String> {
    match colour {
        Color::Default => None,
        Color::Idx(n) => Some(COLOURS.get(usize::from(n)).copied().unwrap_or(TEXT).to_owned()),
        Color::Rgb(r, g, b) => Some(format!("#{r:02x}{g:02x}{b:02x}")),
    }
}

/// Pieces of a line that look alike, with the column that each begins at and how many it has.
struct Piece {
    column: u32,
    columns: u32,
    look: Look,
    text: String,
}

fn pieces(terminal: &Terminal, row: u16) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for column in 0..terminal.columns() {
        let cell = terminal.screen().cell(row, column).unwrap();
        if cell.is_wide_continuation() {
            continue;
        }
        let (look, columns) = (Look::of(cell), if cell.is_wide() { 2 } else { 1 });
        let text = if cell.has_contents() { cell.contents() } else { " " };
        match pieces.last_mut() {
            Some(last) if last.look == look && bar(&last.text).is_none() && bar(text).is_none() => {
                last.text.push_str(text);
                last.columns += columns;
            }
            // A bar of whole cells is one.
            Some(last)
                if last.look == look
                    && last.text == text
                    && matches!(bar(text), Some([0, _, 8, _])) =>
            {
                last.columns += columns;
            }
            _ => pieces.push(Piece { column: column.into(), columns, look, text: text.to_owned() }),
        }
    }
    pieces
}

/// Which part of its cell a block fills: from the left and from the top, its width and height, in eighths.
/// Fonts leave gaps between them.
fn bar(text: &str) -> Option<[u32; 4]> {
    let mut chars = text.chars();
    let (block, None) = (chars.next()?, chars.next()) else { return None };
    match block {
        '▁'..='█' => {
            let eighths = u32::from(block) - u32::from('▁') + 1;
            Some([0, 8 - eighths, 8, eighths])
        }
        '▉'..='▏' => Some([0, 0, 8 - (u32::from(block) - u32::from('█')), 8]),
        '▀' => Some([0, 0, 8, 4]),
        '░' => Some([0, 0, 8, 8]),
        _ => None,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// All lines that have something, and what it is for those who do not see it.
pub(crate) fn draw(terminal: &Terminal, title: &str) -> String {
    let width = u32::from(terminal.columns()) * WIDTH + 2 * MARGIN;
    let height = u32::from(terminal.rows()) * HEIGHT + 2 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"ui-monospace,SFMono-Regular,Menlo,\
         Consolas,'DejaVu Sans Mono','Liberation Mono',monospace\" font-size=\"13\" fill=\"{TEXT}\">\n\
         <title>{}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"{BACKGROUND}\"/>\n",
        escaped(title),
    );
    for row in 0..terminal.rows() {
        let top = MARGIN + u32::from(row) * HEIGHT;
        for piece in pieces(terminal, row) {
            piece.draw(top, &mut svg);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

impl Piece {
    fn draw(&self, top: u32, svg: &mut String) {
        let Self { column, columns, look, text } = self;
        let x = MARGIN + column * WIDTH;
        let width = columns * WIDTH;
        if let Some(fill) = &look.background {
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{HEIGHT}\" fill=\"{fill}\"/>"
            );
        }
        let mut style = String::new();
        if look.text != TEXT {
            let _ = write!(style, " fill=\"{}\"", look.text);
        }
        // Beside it there is only what is left of a bar.
        let opacity = if text == "░" { Some(".25") } else { look.is_dim.then_some(".65") };
        if let Some(opacity) = opacity {
            let _ = write!(style, " opacity=\"{opacity}\"");
        }
        if let Some([left, above, wide, high]) = bar(text) {
            let (x, y) = (f64::from(x + left), f64::from(top) + f64::from(above * HEIGHT) / 8.0);
            let (wide, high) = (wide * columns, f64::from(high * HEIGHT) / 8.0);
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{high}\"{style}/>"
            );
            return;
        }
        let shown = text.trim();
        if shown.is_empty() {
            return;
        }
        if look.is_bold {
            style.push_str(" font-weight=\"bold\"");
        }
        if look.is_underlined {
            style.push_str(" text-decoration=\"underline\"");
        }
        // Words that stand apart are placed by themselves: blanks would be squeezed.
        for (at, word) in words(text) {
            let cells = u32::try_from(word.chars().count()).unwrap();
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" textLength=\"{}\"{style}>{}</text>",
                x + at * WIDTH,
                top + BASELINE,
                cells * WIDTH,
                escaped(word)
            );
        }
    }
}

/// What stands between two blanks and more, and how many characters are before it.
fn words(text: &str) -> Vec<(u32, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    for part in text.split("  ") {
        let cells = u32::try_from(part.chars().count()).unwrap();
        let lead = part.chars().take_while(|c| *c == ' ').count();
        let word = part.trim();
        if !word.is_empty() {
            found.push((at + u32::try_from(lead).unwrap(), word));
        }
        at += cells + 2;
    }
    found
}

#[test]
fn words_stand_where_they_stood() {
    assert_eq!(words(" a b  c    d "), [(1, "a b"), (6, "c"), (11, "d")]);
    assert_eq!(words("   x"), [(3, "x")]);
}

#[test]
fn blocks_are_parts_of_a_cell() {
    assert_eq!(bar("█"), Some([0, 0, 8, 8]));
    assert_eq!(bar("▂"), Some([0, 6, 8, 2]));
    assert_eq!(bar("▌"), Some([0, 0, 4, 8]));
    assert_eq!(bar("a"), None);
}
