//! A manual page for the program, and one for each of its commands.

use anyhow::{Context as _, Result};
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::words::{COMMANDS, Page, WHOLE};
use crate::{NAME, visible};

/// A page in the language of roff.
pub(crate) struct Written {
    pub(crate) file: String,
    pub(crate) text: Vec<u8>,
}

/// All of them.
pub(crate) fn pages() -> Result<Vec<Written>> {
    let mut whole = visible();
    whole.build();
    let mut pages = vec![page(whole.clone(), NAME, &WHOLE)?];
    for command in whole.get_subcommands() {
        let name = command.get_name();
        let words = COMMANDS.iter().find(|(of, _)| *of == name);
        let (_, words) = words.with_context(|| format!("nothing is written of {name} yet"))?;
        pages.push(page(command.clone(), &format!("{NAME}-{name}"), words)?);
    }
    Ok(pages)
}

fn page(command: Command, title: &str, words: &Page) -> Result<Written> {
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_commands = command.has_subcommands();
    let man = Man::new(command)
        .title(title.to_ascii_uppercase())
        .source(format!("{NAME} {}", env!("CARGO_PKG_VERSION")))
        .manual("Linux OOM kills");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    section("WHEN TO USE", words.when).to_writer(&mut text)?;
    if has_commands {
        commands().to_writer(&mut text)?;
    }
    man.render_options_section(&mut text)?;
    for part in after.split("\n\n") {
        let (heading, body) = match part.split_once(':') {
            Some((heading @ ("Examples" | "Exit status"), body)) => (heading, body),
            _ => ("Notes", part),
        };
        if heading == "Examples" {
            examples(body.trim_matches('\n')).to_writer(&mut text)?;
        } else if !body.trim().is_empty() {
            section(&heading.to_ascii_uppercase(), body.trim()).to_writer(&mut text)?;
        }
    }
    for (heading, entries) in words.more {
        list(heading, entries).to_writer(&mut text)?;
    }
    see_also(title).to_writer(&mut text)?;
    Ok(Written { file: format!("{title}.1"), text })
}

/// Paragraphs.
fn section(heading: &str, body: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    for (nth, paragraph) in body.split("\n\n").enumerate() {
        if nth > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(paragraph.split_whitespace().collect::<Vec<_>>().join(" "))]);
    }
    roff
}

/// Lines as they are.
fn examples(lines: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]).control("nf", []);
    for line in lines.lines() {
        roff.text([roman(line.trim())]);
    }
    roff.control("fi", []);
    roff
}

fn list(heading: &str, entries: &[(&str, &str)]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    for (name, what) in entries {
        roff.control("TP", []).text([bold(*name)]).text([roman(*what)]);
    }
    roff
}

/// Each with the question that it answers.
fn commands() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for (name, page) in COMMANDS {
        roff.control("TP", []);
        roff.text([bold(format!("{NAME}-{name}")), roman("(1)")]);
        roff.text([roman(page.question)]);
    }
    roff
}

fn see_also(title: &str) -> Roff {
    let pages = COMMANDS.iter().map(|(name, _)| format!("{NAME}-{name}"));
    let others: Vec<_> =
        [NAME.to_owned()].into_iter().chain(pages).filter(|page| page != title).collect();
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    let mut words = Vec::new();
    for page in others {
        words.extend([bold(page), roman("(1), ")]);
    }
    words.push(roman("and the documentation at https://github.com/oom-trace/oom-trace"));
    roff.text(words);
    roff
}

#[cfg(test)]
mod tests {
    use super::*;
    use oom_trace::cli::Cli;

    use clap::Parser as _;

    fn text_of(file: &str) -> String {
        let page = pages().unwrap().into_iter().find(|page| page.file == file).unwrap();
        String::from_utf8(page.text).unwrap()
    }

    #[test]
    fn each_command_has_a_page() {
        let files: Vec<_> = pages().unwrap().into_iter().map(|page| page.file).collect();
        assert_eq!(files.len(), COMMANDS.len() + 1, "{files:?}");
        assert_eq!(files[0], "oom-trace.1");
        for heading in ["NAME", "SYNOPSIS", "WHEN TO USE", "OPTIONS", "EXAMPLES", "SEE ALSO"] {
            let heading = format!(".SH \"{heading}\"").replace("\"", "");
            for file in &files {
                let text = text_of(file).replace('"', "");
                assert!(text.contains(&heading), "{file}: {heading}: {text}");
            }
        }
    }

    /// The words of a shell's line, up to where it goes on with something else.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
        for character in line.chars().chain([' ']) {
            match (quote, character) {
                (Some(open), _) if character == open => quote = None,
                (None, '\'' | '"') => quote = Some(character),
                (None, ' ') => words.extend(Some(std::mem::take(&mut word))),
                _ => word.push(character),
            }
        }
        let ends = |word: &String| !["|", "&&", ">", ">>"].contains(&word.as_str());
        words.into_iter().take_while(ends).filter(|word| !word.is_empty()).collect()
    }

    /// What stands two spaces or more behind an example is said of it.
    fn command_of(line: &str) -> Vec<String> {
        let command = line.trim().split_once("  ").map_or(line.trim(), |(command, _)| command);
        let words = words(&command.replace("\"$JOB_START\"", "2h").replace("\"$PID\"", "7"));
        words.into_iter().skip_while(|word| word != NAME).collect()
    }

    #[test]
    fn each_example_is_a_command_that_it_takes() {
        let mut tried = 0;
        for page in pages().unwrap() {
            let text = String::from_utf8(page.text).unwrap().replace("\\-", "-");
            let (_, rest) = text.split_once("EXAMPLES").unwrap();
            let (examples, _) = rest.split_once("\n.fi").unwrap();
            for line in examples.lines().filter(|line| line.contains("oom-trace ")) {
                let line = line.replace("\\*(Aq", "'").replace("\\&", "").replace("\\\\", "\\");
                if line.contains("systemctl") || line.contains("journalctl") {
                    continue;
                }
                let command = command_of(&line);
                Cli::try_parse_from(&command).unwrap_or_else(|error| panic!("{line}: {error}"));
                tried += 1;
            }
        }
        assert!(tried > 20, "{tried}");
    }
}
