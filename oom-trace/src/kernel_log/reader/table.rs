//! Tables of collectors: CSV whose first line names the columns (Grafana, Splunk, Datadog, `gcloud --format=csv`),
//! and the rows that `aws logs … --output text` prints.

use super::clock::{Zone, date, wall};
use super::collector::{Known, Said, host_of};
use crate::kernel_log::scan::{has, rsplit_once, utf8};
use crate::kernel_log::{Guesses, Stamp};

/// Columns that hold the line.
const LINES: [&str; 12] = [
    "line",
    "_raw",
    "message",
    "@message",
    "msg",
    "content",
    "log",
    "body",
    "text",
    "text_payload",
    "textpayload",
    "event",
];

/// Columns that hold its time; the first that is there.
const TIMES: [&str; 9] =
    ["_time", "timestamp", "@timestamp", "time", "date", "datetime", "ts", "tsns", "event_time"];

/// Columns that name the machine.
const HOSTS: [&str; 6] = ["host", "hostname", "node", "instance", "logstream", "@logstream"];

/// A longer head is none.
const LONGEST_HEAD: usize = 1024;

/// Bytes of a row, which may have several lines in quotes.
const LONGEST_ROW: usize = 1 << 18;

/// What `aws logs filter-log-events --output text` begins a row with, and `get-log-events`.
const AWS: &[u8] = b"EVENTS\t";

/// Reads rows.
#[derive(Debug, Default)]
pub(super) struct Table {
    columns: Option<Columns>,
    /// A row whose quote is still open.
    begun: Vec<u8>,
}

#[derive(Debug)]
struct Columns {
    separator: u8,
    count: usize,
    line: usize,
    time: Option<usize>,
    host: Option<usize>,
    labels: Option<usize>,
}

/// What a line was to a table.
#[derive(Debug)]
pub(super) enum Row {
    /// Nothing.
    Not,
    /// Its head, or a part of a row.
    Part,
    /// What ends one, and maybe one that lost its end before it.
    Of(Vec<Said>),
}

impl Table {
    /// Whether a head was there.
    pub(super) const fn is_used(&self) -> bool {
        self.columns.is_some()
    }

    /// Whether a row goes on.
    pub(super) const fn is_open(&self) -> bool {
        !self.begun.is_empty()
    }

    /// Takes a line, of which the end is missing if it is cut.
    pub(super) fn take(&mut self, line: &[u8], cut: bool, zone: &Zone) -> Row {
        if let Some(said) = aws(line, zone) {
            return Row::Of(said);
        }
        if let Some(columns) = Columns::of(line) {
            let before = self.end(zone);
            self.columns = Some(columns);
            return if before.is_empty() { Row::Part } else { Row::Of(before) };
        }
        let Some(columns) = &self.columns else { return Row::Not };
        let mut done = Vec::new();
        if !self.begun.is_empty() {
            // A collector that cuts what is long leaves the quote off that would end it.
            let is_row = columns.fields(line).is_some_and(|row| columns.is_row(&row, zone));
            if is_row || self.begun.len() > LONGEST_ROW {
                done = columns.said(&columns.values(&self.begun), true, zone);
                self.begun.clear();
            } else {
                self.begun.push(b'\n');
                // Within quotes until the next one: what was read is not read again with each line.
                if !cut && !line.contains(&b'"') {
                    self.begun.extend_from_slice(line);
                    return Row::Part;
                }
            }
        }
        self.begun.extend_from_slice(line);
        match columns.fields(&self.begun) {
            None if !cut => {
                if done.is_empty() {
                    Row::Part
                } else {
                    Row::Of(done)
                }
            }
            fields => {
                let is_cut = fields.is_none();
                let row = fields.unwrap_or_else(|| columns.values(&self.begun));
                let is_row = columns.is_row(&row, zone);
                let is_one_line = self.begun.len() == line.len();
                if is_row || is_cut {
                    done.extend(columns.said(&row, is_cut || cut, zone));
                }
                self.begun.clear();
                if !is_row && !is_cut && is_one_line && done.is_empty() {
                    return Row::Not;
                }
                Row::Of(done)
            }
        }
    }

    /// No line follows.
    pub(super) fn end(&mut self, zone: &Zone) -> Vec<Said> {
        let begun = std::mem::take(&mut self.begun);
        match &self.columns {
            Some(columns) if !begun.is_empty() => columns.said(&columns.values(&begun), true, zone),
            _ => Vec::new(),
        }
    }
}

impl Columns {
    /// The columns, if a line is the head of such a table.
    fn of(line: &[u8]) -> Option<Self> {
        if line.len() > LONGEST_HEAD || !line.first().is_some_and(|byte| may_begin_name(*byte)) {
            return None;
        }
        let separator = *[b',', b'\t', b';'].iter().find(|byte| line.contains(byte))?;
        let (fields, is_open) = split(line, separator);
        let names: Vec<_> = fields.iter().map(|field| utf8(field)).collect::<Option<_>>()?;
        let is_name = |name: &String| {
            (1..=64).contains(&name.len())
                && name.chars().all(|it| it.is_alphanumeric() || "_@. -:/".contains(it))
        };
        if is_open || names.len() < 2 || !names.iter().all(is_name) {
            return None;
        }
        let names: Vec<_> = names.iter().map(|name| name.to_lowercase()).collect();
        let place =
            |known: &[&str]| known.iter().find_map(|name| names.iter().position(|it| it == name));
        let (line, time) = (place(&LINES)?, place(&TIMES));
        // Another table may have such a column; with its time it is of a log.
        time?;
        let (host, labels) = (place(&HOSTS), place(&["labels"]));
        Some(Self { separator, count: names.len(), line, time, host, labels })
    }

    /// The values of a row; `None` where a quote is open.
    fn fields(&self, row: &[u8]) -> Option<Vec<Vec<u8>>> {
        let (fields, is_open) = split(row, self.separator);
        (!is_open).then_some(fields)
    }

    fn values(&self, row: &[u8]) -> Vec<Vec<u8>> {
        split(row, self.separator).0
    }

    /// Whether these are the values of a row.
    fn is_row(&self, values: &[Vec<u8>], zone: &Zone) -> bool {
        values.len() == self.count && self.stamp(values, zone).is_some()
    }

    fn stamp(&self, values: &[Vec<u8>], zone: &Zone) -> Option<Stamp> {
        stamp(values.get(self.time?)?, zone)
    }

    fn said(&self, values: &[Vec<u8>], cut: bool, zone: &Zone) -> Vec<Said> {
        let Some(text) = values.get(self.line) else { return Vec::new() };
        // What is missing is missing of the last value.
        let cut = cut && self.line + 1 == values.len();
        let value = |place: Option<usize>| values.get(place?);
        let host = value(self.host).and_then(|host| utf8(host)).filter(|host| !host.is_empty());
        let host = host.or_else(|| host_of(value(self.labels)?));
        let known = Known::new(self.stamp(values, zone).unwrap_or_default(), host);
        lines(text, &known, cut)
    }
}

/// Each line of a value.
fn lines(text: &[u8], known: &Known, cut: bool) -> Vec<Said> {
    let lines: Vec<_> =
        text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
    let last = lines.len().saturating_sub(1);
    let said = |(no, line): (usize, &&[u8])| Said::Line {
        text: line.to_vec(),
        known: known.clone(),
        cut: cut && no == last,
    };
    lines.iter().enumerate().map(said).collect()
}

fn may_begin_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'"' | b'_' | b'@')
}

/// The values of a row, and whether the quote of the last is open.
fn split(row: &[u8], separator: u8) -> (Vec<Vec<u8>>, bool) {
    let (mut values, mut value) = (Vec::new(), Vec::new());
    let (mut is_open, mut is_begun) = (false, false);
    let mut rest = row;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match *byte {
            b'"' if is_open && after.first() == Some(&b'"') => {
                value.push(b'"');
                rest = after.get(1..).unwrap_or_default();
            }
            b'"' if is_open => is_open = false,
            b'"' if !is_begun => (is_open, is_begun) = (true, true),
            byte if byte == separator && !is_open => {
                values.push(std::mem::take(&mut value));
                is_begun = false;
            }
            byte => {
                value.push(byte);
                is_begun = true;
            }
        }
    }
    values.push(value);
    (values, is_open)
}

/// A time in a column of its own.
fn stamp(text: &[u8], zone: &Zone) -> Option<Stamp> {
    let text = text.trim_ascii();
    let whole = str::from_utf8(text).ok()?;
    if let Ok(number) = whole.parse::<i64>() {
        return Zone::epoch(number).map(|time| wall(time, Guesses::default()));
    }
    if let Some((seconds, fraction)) = whole.split_once('.')
        && seconds.len() == 10
        && fraction.len() <= 9
        && let Ok(nanos) = format!("{seconds}{fraction:0<9}").parse()
    {
        return Zone::epoch(nanos).map(|time| wall(time, Guesses::default()));
    }
    date(text, zone).filter(|(_, rest)| rest.is_empty()).map(|(stamp, _)| stamp)
}

/// `EVENTS`, the event's id (or not), when it was taken in, the stream, the message, and its time.
fn aws(line: &[u8], zone: &Zone) -> Option<Vec<Said>> {
    let rest = line.strip_prefix(AWS)?;
    let (rest, at) = rsplit_once(rest, "\t")?;
    let is_millis = |text: &[u8]| text.len() == 13 && text.iter().all(u8::is_ascii_digit);
    if !is_millis(at) {
        return None;
    }
    let stamp = stamp(at, zone)?;
    let mut parts = rest.splitn(4, |byte| *byte == b'\t');
    let first = parts.next()?;
    let (host, text) = if is_millis(first) {
        (None, rest.get(first.len() + 1..)?)
    } else {
        is_millis(parts.next()?).then_some(())?;
        (utf8(parts.next()?), parts.next()?)
    };
    Some(lines(text, &Known::new(stamp, host), false))
}

/// Whether a line may be of interest to a table: it is looked at no further else.
pub(super) fn may_be_head(line: &[u8]) -> bool {
    line.starts_with(AWS)
        || line.len() <= LONGEST_HEAD
            && line.iter().any(|byte| matches!(byte, b',' | b'\t' | b';'))
            && ["ime", "ate", "ts"].iter().any(|end| has(line, end.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_log::reader::find::Finder;

    /// The text of each line, its time, what of that is a guess, and the machine.
    fn read(log: &str) -> Vec<[Option<String>; 4]> {
        let zone = Zone::utc();
        let mut table = Table::default();
        let mut said = Vec::new();
        for line in log.lines() {
            match table.take(line.as_bytes(), false, &zone) {
                Row::Of(more) => said.extend(more),
                Row::Part => {}
                Row::Not => panic!("{line}"),
            }
        }
        said.extend(table.end(&zone));
        let told = |said| {
            let Said::Line { text, known, .. } = said else { panic!("no line") };
            let mut spoken = Finder::new(&zone).find(1, &text, false, true);
            known.add_to(&mut spoken);
            let guessed = spoken.stamp.guessed.told();
            [
                Some(String::from_utf8(text).unwrap()),
                spoken.stamp.time.map(|time| time.to_string()),
                guessed.map(|it| serde_json::to_string(&it).unwrap()),
                spoken.host,
            ]
        };
        said.into_iter().map(told).collect()
    }

    #[test]
    fn the_time_stands_in_a_column_of_its_own() {
        let text = "Out of memory: Killed process 7 (a \"b\", c)";
        let quoted = text.replace('"', "\"\"");
        let grafana = format!(
            "labels,Time,Line,tsNs,id\n\"{{\"\"host\"\":\"\"db1\"\"}}\",1715588000120,\"{quoted}\n\",1715588000120000000,x"
        );
        let splunk =
            format!("\"_time\",\"_raw\",host\n\"2024-05-13T08:13:20.120+0000\",\"{quoted}\",db1");
        let datadog =
            format!("Date,Host,Service,Message\n2024-05-13T08:13:20.120Z,db1,k,\"{quoted}\"");
        let gcloud = format!("timestamp,textPayload\n2024-05-13T08:13:20.12Z,\"{quoted}\"");
        let semicolons = format!("Time;Line\n2024-05-13 08:13:20.120 UTC;\"{quoted}\"");
        let float = format!("_time,_raw\n1715588000.120,\"{quoted}\"");
        let aws = format!("EVENTS\t38270000\t1715588001000\tdb1\t{text}\t1715588000120");
        let aws_of_one = format!("EVENTS\t1715588001000\t{text}\t1715588000120");
        for log in [grafana, splunk, datadog, gcloud, semicolons, float, aws, aws_of_one] {
            let [[line, time, guessed, _]] = <[_; 1]>::try_from(read(&log)).unwrap();
            assert_eq!(line.as_deref(), Some(text), "{log}");
            assert_eq!(time.as_deref(), Some("2024-05-13T08:13:20.12Z"), "{log}");
            assert_eq!(guessed.as_deref(), Some("[\"collected\"]"), "{log}");
        }
        let host = |log: &str| read(log)[0][3].clone();
        let labels = "labels,Time,Line\n\"{\"\"host\"\":\"\"db1\"\"}\",1715588000120,x";
        assert_eq!(host(labels).as_deref(), Some("db1"));
        assert_eq!(host("host,time,line\ndb1,1715588000,x").as_deref(), Some("db1"));
    }

    #[test]
    fn a_row_without_its_last_quote_lost_its_end() {
        let log = "time,line\n1715588000,\"a 10\n1715588001,\"b\"";
        let zone = Zone::utc();
        let mut table = Table::default();
        let mut cuts = Vec::new();
        for line in log.lines() {
            if let Row::Of(said) = table.take(line.as_bytes(), false, &zone) {
                let cut = |said| match said {
                    Said::Line { text, cut, .. } => (String::from_utf8(text).unwrap(), cut),
                    Said::Spoken(_) => panic!("no line"),
                };
                cuts.extend(said.into_iter().map(cut));
            }
        }
        assert_eq!(cuts, [("a 10".to_owned(), true), ("b".to_owned(), false)]);
    }

    #[test]
    fn what_is_no_table_is_left() {
        let mut table = Table::default();
        for line in [
            "a, b, c",
            "Out of memory: Killed process 7 (time,line)",
            "time,line of the day: 7%",
            "kernel: time, message",
        ] {
            let row = table.take(line.as_bytes(), false, &Zone::utc());
            assert!(matches!(row, Row::Not), "{line}: {row:?}");
        }
    }
}
