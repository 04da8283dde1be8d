//! Labelled lines, of which only those are written that have something to say.

use std::fmt;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style as Ansi};

use super::Style;
use super::wrap::wrap;

/// Where what is said begins, behind the label.
pub(super) const INDENT: usize = 13;

/// What stands out, and what stands back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Palette {
    pub(super) alarm: Ansi,
    pub(super) strong: Ansi,
    pub(super) dim: Ansi,
}

impl From<Style> for Palette {
    fn from(style: Style) -> Self {
        if !style.color {
            return Self::default();
        }
        Self {
            alarm: AnsiColor::Red.on_default().bold(),
            strong: Ansi::new().bold(),
            dim: Ansi::new().dimmed(),
        }
    }
}

/// The lines below a headline.
pub(super) struct Block<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) palette: Palette,
    pub(super) style: Style,
}

impl<'a> Block<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, style: Style) -> Self {
        Self { out, palette: Palette::from(style), style }
    }

    /// One line: `label`, then the items that `fill` adds; nothing without an item.
    pub(super) fn line(
        &mut self,
        label: &'static str,
        fill: impl FnOnce(&mut Line<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let start = self.out.len();
        let mut line = Line { label, palette: self.palette, out: self.out, started: false };
        fill(&mut line)?;
        if line.started {
            wrap(self.out, start, INDENT, self.style.width.into());
            self.out.push(b'\n');
        }
        Ok(())
    }

    /// One line for each item, the label on the first of them.
    pub(super) fn list<T>(
        &mut self,
        label: &'static str,
        items: impl IntoIterator<Item = T>,
        show: impl Fn(&mut Line<'_>, T) -> io::Result<()>,
    ) -> io::Result<()> {
        for (index, item) in items.into_iter().enumerate() {
            self.line(if index == 0 { label } else { "" }, |line| show(line, item))?;
        }
        Ok(())
    }
}

/// A line that begins with its first item.
pub(super) struct Line<'a> {
    label: &'static str,
    pub(super) palette: Palette,
    out: &'a mut Vec<u8>,
    started: bool,
}

impl Line<'_> {
    /// Adds an item, parted from the one before by a comma.
    pub(super) fn item(&mut self, item: fmt::Arguments<'_>) -> io::Result<()> {
        self.joined(", ", item)
    }

    /// Adds an item after `separator`, if it is not the first.
    pub(super) fn joined(&mut self, separator: &str, item: fmt::Arguments<'_>) -> io::Result<()> {
        if self.started {
            self.out.extend_from_slice(separator.as_bytes());
        } else {
            let dim = self.palette.dim;
            write!(self.out, "  {dim}{:<10}{dim:#} ", self.label)?;
            self.started = true;
        }
        self.out.write_fmt(item)
    }
}
