//! The terminal while the view has it: as it was again afterwards, however that ends.

use std::env::var_os;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, stdin, stdout};
use std::os::fd::AsFd as _;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use rustix::termios::tcgetwinsize;

/// Room for a picture, that it is written at once.
const PICTURE: usize = 64 << 10;

/// Where a terminal does not know its size.
const USUAL: Rect = Rect::new(0, 0, 80, 24);

/// Whether the terminal is not as it was.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Why there can be no live view here.
pub(crate) fn why_not() -> Option<&'static str> {
    if !stdout().is_terminal() {
        Some("standard output is not a terminal")
    } else if !stdin().is_terminal() {
        Some("standard input is not a terminal")
    } else if var_os("TERM").is_none_or(|name| name.is_empty() || name == "dumb") {
        Some("the terminal ($TERM) cannot place text")
    } else {
        None
    }
}

/// The terminal, as long as the view has it.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    size: Rect,
    keys: File,
}

impl Screen {
    /// Takes the terminal; what is on it is kept.
    ///
    /// # Errors
    /// The terminal refuses.
    pub(super) fn take() -> io::Result<Self> {
        give_back_on_panic();
        let size = size();
        let backend = CrosstermBackend::new(BufWriter::with_capacity(PICTURE, stdout()));
        let options = TerminalOptions { viewport: Viewport::Fixed(size) };
        let terminal = Terminal::with_options(backend, options)?;
        let keys = File::from(stdin().as_fd().try_clone_to_owned()?);
        let mut screen = Self { terminal, size, keys };
        screen.again()?;
        Ok(screen)
    }

    /// Takes the terminal again.
    pub(super) fn again(&mut self) -> io::Result<()> {
        IS_TAKEN.store(true, Ordering::Relaxed);
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, Hide)?;
        self.redraw()
    }

    /// The next picture is drawn whole.
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        self.size = size();
        self.terminal.resize(self.size)
    }

    /// What keys are read from.
    pub(super) fn keys(&self) -> &File {
        &self.keys
    }

    /// The room that there is now.
    pub(super) fn area(&mut self) -> io::Result<Rect> {
        if size() != self.size {
            self.redraw()?;
        }
        Ok(self.size)
    }

    pub(super) fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(picture).map(drop)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Leaves the terminal as it was. A second time does nothing.
pub(super) fn give_back() {
    if IS_TAKEN.swap(false, Ordering::Relaxed) {
        // Whoever reads the terminal may be gone. Who sees that it was left finds it as it was.
        let _ = disable_raw_mode();
        let _ = execute!(stdout(), Show, LeaveAlternateScreen);
    }
}

/// A release aborts on a panic: nothing is dropped then.
fn give_back_on_panic() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        give_back();
        before(panic);
    }));
}

fn size() -> Rect {
    match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            // A buffer of a cell for each would be too large otherwise.
            Rect::new(0, 0, size.ws_col.min(1000), size.ws_row.min(500))
        }
        _ => USUAL,
    }
}

#[cfg(test)]
mod tests;
