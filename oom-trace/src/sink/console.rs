//! `console`: standard output.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use super::lines::Lines;
use super::{Sink, SinkError};
use crate::incident::model::Record;
use crate::render::{Format, Style, render};

/// Writes each record whole and at once, past the standard library's buffer, so that a pipe's
/// reader waits for nothing.
///
/// In the formats for people, `text` and `compact`, it leaves out what the agent says of itself:
/// the agent says the same on standard error.
#[derive(Debug)]
pub struct Console {
    format: Format,
    style: Style,
    buffer: Vec<u8>,
    lines: Lines,
}

impl Console {
    /// What the sink is called.
    pub const NAME: &str = "console";

    /// Standard output as it is now.
    ///
    /// # Errors
    /// It cannot be duplicated: no file descriptor is left.
    pub fn stdout(format: Format, style: Style) -> Result<Self, SinkError> {
        let duplicate = io::stdout().as_fd().try_clone_to_owned();
        let stdout = duplicate.map_err(|io| SinkError::new("duplicate", "standard output", io))?;
        Ok(Self::new(stdout, format, style))
    }

    /// Whatever `destination` is.
    #[must_use]
    pub fn new(destination: OwnedFd, format: Format, style: Style) -> Self {
        let lines = Lines::new(File::from(destination));
        Self { format, style, buffer: Vec::new(), lines }
    }
}

impl Sink for Console {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn deliver(&mut self, records: &[Arc<Record>]) -> Result<(), SinkError> {
        let leaves_out =
            |record: &Record| self.format.is_for_people() && matches!(record, Record::Agent(_));
        let told = records.iter().filter(|record| !leaves_out(record));
        told.into_iter().try_for_each(|record| {
            self.buffer.clear();
            render(record, self.format, self.style, &mut self.buffer)
                .and_then(|()| self.lines.write(&self.buffer))
                .map_err(|io| SinkError::new("write to", "standard output", io))
        })
    }

    /// Who reads along wants to know of what happens now.
    fn is_durable(&self) -> bool {
        false
    }

    /// Making it has shown that there is one.
    fn probe(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, pipe};

    use super::super::compliance::{self, Bench};
    use super::*;

    fn console(format: Format) -> (Console, io::PipeReader) {
        let (reader, writer) = pipe().unwrap();
        (Console::new(writer.into(), format, Style::default()), reader)
    }

    /// What is in the pipe; blocks if nothing is.
    fn available(reader: &mut io::PipeReader) -> Vec<u8> {
        let mut bytes = vec![0; 1 << 16];
        let count = reader.read(&mut bytes).unwrap();
        bytes.truncate(count);
        bytes
    }

    #[test]
    fn complies() {
        let (working, mut reader) = console(Format::Json);
        let (broken, closed) = console(Format::Json);
        drop(closed);
        compliance::check(Bench {
            working: Box::new(working),
            arrived: Box::new(move |_| compliance::lines(&available(&mut reader))),
            broken: Some(Box::new(broken)),
        });
    }

    #[test]
    fn a_closed_pipe_is_told_from_other_errors() {
        let (mut broken, closed) = console(Format::Text);
        drop(closed);
        let [record, ..] = compliance::records();
        let error = broken.deliver(&[record]).unwrap_err();
        assert!(error.closed_pipe());
        assert_eq!(
            error.to_string(),
            "cannot write to standard output: Broken pipe (os error 32); its reader is gone"
        );
    }

    #[test]
    fn people_hear_the_agent_on_stderr_and_programs_here() {
        let [.., agent] = compliance::records();
        for (format, said) in
            [(Format::Text, false), (Format::Compact, false), (Format::Json, true)]
        {
            let (mut console, mut reader) = console(format);
            console.deliver(std::slice::from_ref(&agent)).unwrap();
            drop(console);
            assert_eq!(!available(&mut reader).is_empty(), said, "{format}");
        }
    }

    #[test]
    fn a_reader_slower_than_a_pipe_that_does_not_block_loses_nothing() {
        let (reader, writer) = pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let mut console = Console::new(writer.into(), Format::Json, Style::default());
        let reading = std::thread::spawn(move || io::read_to_string(reader).unwrap());
        let [record, ..] = compliance::records();
        for _ in 0..200 {
            console.deliver(std::slice::from_ref(&record)).unwrap();
        }
        drop(console);
        let lines = reading.join().unwrap();
        assert_eq!(lines.lines().count(), 200);
        assert!(lines.lines().all(|line| line.starts_with('{') && line.ends_with('}')));
    }
}
