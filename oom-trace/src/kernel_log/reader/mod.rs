//! Saved logs: lines of any of the formats in which the kernel's log is kept, to [`super::Entry`]s.
//!
//! Each line says by itself what format it is in, so that a file may hold several. What is known
//! to be another program's is passed over, but for what tells of a kill by somebody else.

mod attention;
mod capitals;
mod clock;
mod collector;
mod decode;
mod ellipsis;
mod find;
mod forms;
mod hearsay;
mod html;
mod journal;
mod kmsg;
mod kubernetes;
mod lines;
mod months;
mod order;
mod others;
mod prefix;
mod quoted_printable;
mod records;
mod seen;
mod shape;
mod sources;
mod table;
mod terminal;
mod text;
mod words;
mod wraps;
mod yaml;

use std::io::{self, Read};

pub use clock::Zone;
pub use kmsg::{Kmsg, Unreadable};
pub(super) use prefix::uptime;
pub use seen::Seen;

use self::attention::Attention;
use self::collector::Known;
use self::find::{Finder, Spoken, is_header};
use self::html::Page;
use self::kubernetes::Kubernetes;
use self::lines::Lines;
use self::order::{Item, Order};
use self::prefix::Speaker;
use self::quoted_printable::Mail;
use self::records::Fields;
use self::sources::Sources;
use self::table::Table;
use self::terminal::Terminal;
use self::yaml::Documents;
use super::message::{Columns, Form, KUBELET, Message};
use super::{Mention, Names, Parser, Stamp, Untold};
use crate::incident::model::Record;
use crate::text::KernelText;

/// Lines of a header whose prefix is not known yet: what follows may tell.
const MAX_HELD: usize = 16;

/// A longer field is none of a message.
const MAX_FIELD: usize = 1 << 20;

/// Another program's lines that speak of a kill, of which the kernel's own may be in the log.
const MAX_OTHERS: usize = 1024;

/// What was found in a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Lines.
    pub lines: u64,
    /// Lines in the format of some log, of those that were looked at.
    pub logged: u64,
    /// Records made, but for those that were told before.
    pub records: u64,
    /// Records of kills, of failures and panics among them.
    pub kernel: u64,
    /// Messages that the log says it lost.
    pub lost: u64,
    /// Lines that speak of an OOM kill and are in no record.
    pub untold: Untold,
    /// The first line in which another program says that the kernel killed.
    pub hearsay: Option<Mention>,
    /// Dumps that the kernel says it left out.
    pub suppressed: u64,
}

/// Reads a saved log to its end and hands each record on; `zone` is that of times that name none.
///
/// # Errors
/// `input` cannot be read, or `each` fails.
pub fn read<E: From<io::Error>>(
    input: impl Read,
    parser: Parser,
    zone: &Zone,
    each: impl FnMut(Record) -> Result<(), E>,
) -> Result<Found, E> {
    read_new(input, parser, zone, &mut Seen::default(), each)
}

/// The same, but for records that were seen before.
///
/// # Errors
/// As [`read`].
pub fn read_new<E: From<io::Error>>(
    input: impl Read,
    parser: Parser,
    zone: &Zone,
    seen: &mut Seen,
    mut each: impl FnMut(Record) -> Result<(), E>,
) -> Result<Found, E> {
    let mut lines = Lines::new(input);
    let mut reader = Reader::new(parser, zone, seen);
    loop {
        if reader.may_skip() {
            lines.skip()?;
        }
        let Some(line) = lines.next()? else { break };
        let name = reader.line(line.number, line.text, line.cut);
        if let Some(name) = name {
            let length = lines.length()?;
            let length = usize::try_from(length).unwrap_or(usize::MAX).min(MAX_FIELD);
            let bytes = lines.bytes(length)?;
            lines.bytes(1)?;
            reader.fields.binary(&name, bytes, length);
        }
        reader.deliver(&mut each)?;
    }
    reader.end(lines.count());
    reader.deliver(&mut each)?;
    for spoken in std::mem::take(&mut reader.hearsaid) {
        reader.tell_hearsay(spoken);
        reader.deliver(&mut each)?;
    }
    if reader.found.kernel == 0 {
        let reported = reader.kubernetes.reported();
        reader.done.extend(reported);
        reader.deliver(&mut each)?;
    }
    let mut found = reader.found;
    found.lines = lines.count();
    found.untold = reader.sources.untold();
    for (mention, tid) in &reader.others {
        if tid.is_none_or(|tid| !reader.seen.has_victim(tid)) {
            found.untold.add(1, Some(mention.clone()));
        }
    }
    Ok(found)
}

/// A line whose prefix is not known yet.
struct Held {
    no: u64,
    text: Vec<u8>,
    /// Whether its end may be missing.
    cut: bool,
}

struct Reader<'a> {
    sources: Sources,
    seen: &'a mut Seen,
    finder: Finder<'a>,
    fields: Fields,
    order: Order,
    /// The last record's number, in a copy of `/dev/kmsg`.
    sequence: Option<u64>,
    /// Lines before were of a form that is a record each.
    has_form: bool,
    /// A mail's encoding, and that of a page.
    mail: Mail,
    page: Page,
    terminal: Terminal,
    table: Table,
    documents: Documents,
    /// What the entry around a line tells of it.
    around: Option<Known>,
    /// A header without a prefix that is known, and what followed it.
    held: Vec<Held>,
    /// A message that lacks its end, which a mailer may have put into the next line.
    wrapped: Option<Spoken>,
    /// How many columns the last table of tasks has.
    columns: Option<usize>,
    /// Kills that the kubelet tells of, who has it from the kernel.
    hearsaid: Vec<Spoken>,
    attention: Attention,
    kubernetes: Kubernetes,
    /// What other programs say of kills, and of whom.
    others: Vec<(Mention, Option<u32>)>,
    done: Vec<Record>,
    found: Found,
}

impl<'a> Reader<'a> {
    fn new(parser: Parser, zone: &'a Zone, seen: &'a mut Seen) -> Self {
        Self {
            sources: Sources::new(parser),
            seen,
            finder: Finder::new(zone),
            fields: Fields::default(),
            order: Order::new(),
            sequence: None,
            has_form: false,
            mail: Mail::default(),
            page: Page::default(),
            terminal: Terminal::default(),
            table: Table::default(),
            documents: Documents::default(),
            around: None,
            held: Vec::new(),
            wrapped: None,
            columns: None,
            hearsaid: Vec::new(),
            attention: Attention::default(),
            kubernetes: Kubernetes::default(),
            others: Vec::new(),
            done: Vec::new(),
            found: Found::default(),
        }
    }

    /// Whether lines of no interest may be stepped over. Records of several lines, and those with numbers, are
    /// read one by one.
    fn may_skip(&self) -> bool {
        let is_one_by_one = self.sequence.is_some() || self.fields.is_open() || self.is_in_record();
        let is_waiting = !self.held.is_empty()
            || self.wrapped.is_some()
            || self.mail.is_waiting()
            || self.terminal.is_waiting();
        !is_one_by_one && !is_waiting && self.attention.has_gone(&self.order)
    }

    /// Whether a row of a table or an entry of YAML is being read.
    const fn is_in_record(&self) -> bool {
        self.table.is_open() || self.documents.is_open()
    }

    /// Hands on what is done.
    fn deliver<E>(&mut self, each: &mut impl FnMut(Record) -> Result<(), E>) -> Result<(), E> {
        for record in std::mem::take(&mut self.done) {
            if !self.seen.is_new(&record) {
                continue;
            }
            self.found.records += 1;
            let is_kernels =
                matches!(record, Record::OomKill(_) | Record::OomPanic(_) | Record::OomFailed(_));
            self.found.kernel += u64::from(is_kernels);
            each(record)?;
        }
        Ok(())
    }

    fn end(&mut self, no: u64) {
        if let Some(line) = self.mail.end() {
            self.decoded(no, &line, true);
        }
        self.end_broken();
        let document = self.documents.end(self.finder.zone());
        self.document(document);
        let rows = self.table.end(self.finder.zone());
        for said in self.fields.end().into_iter().chain(rows) {
            self.said(0, said);
        }
        self.release();
        self.unwrap();
        let items = self.order.end();
        self.take(items);
        let flushed = self.sources.flush();
        self.done.extend(flushed);
    }

    /// A kill of which the log has the kernel's own line needs no other's.
    fn tell_hearsay(&mut self, spoken: Spoken) {
        let form = Form { names: spoken.names, cut: spoken.cut };
        let Some(Message::Killed(killed)) = Message::parse(&spoken.text, form) else { return };
        let comm = killed.comm.as_ref().map(KernelText::as_bytes);
        if self.seen.has_kill(killed.tid, comm) {
            return;
        }
        self.take(vec![Item::Spoken(Box::new(spoken))]);
        let flushed = self.sources.flush();
        self.done.extend(flushed);
    }

    /// A line of text.
    fn plain(&mut self, no: u64, line: &[u8], cut: bool) {
        let spoken = self.finder.find(no, line, cut, self.attention.in_dump());
        // Where the message of a header begins, another line of its dump may have to tell.
        let is_unclear = is_header(&spoken.text)
            && spoken.speaker == Speaker::Unsaid
            && (!spoken.is_stamped || !find::is_clear_header(&spoken.text));
        if is_unclear && self.held.is_empty() {
            self.attention.begin_dump();
            self.held.push(Held { no, text: line.to_vec(), cut });
            return;
        }
        if !self.held.is_empty() {
            let is_clear = self.finder.has_shape() || find::begins_clearly(&spoken.text);
            if !is_clear && self.held.len() < MAX_HELD {
                self.held.push(Held { no, text: line.to_vec(), cut });
                return;
            }
            self.release();
            let spoken = self.finder.find(no, line, cut, true);
            self.spoken(spoken);
            return;
        }
        self.spoken(spoken);
    }

    /// Reads what was held, by what is known now.
    fn release(&mut self) {
        for Held { no, text, cut } in std::mem::take(&mut self.held) {
            let spoken = self.finder.find(no, &text, cut, true);
            self.spoken(spoken);
        }
    }

    fn spoken(&mut self, mut spoken: Spoken) {
        if let Some(known) = &self.around {
            known.add_to(&mut spoken);
        }
        self.found.logged += u64::from(spoken.is_stamped);
        self.attention.message();
        if is_header(&spoken.text) {
            self.attention.begin_dump();
        }
        if spoken.speaker == Speaker::Other {
            self.other(&spoken);
            return;
        }
        if spoken.text.starts_with(KUBELET.as_bytes()) && self.hearsaid.len() < MAX_OTHERS {
            self.hearsaid.push(spoken);
            return;
        }
        if let Some(mut begun) = self.wrapped.take() {
            let between = wraps::goes_on(&begun.text, &spoken.text, self.columns);
            if let Some(between) = between.filter(|_| spoken.stamp == Stamp::default()) {
                if between == b" " {
                    begun.text.truncate(begun.text.trim_ascii_end().len());
                }
                begun.text.extend_from_slice(between);
                begun.text.extend_from_slice(&spoken.text);
                begun.cut = spoken.cut;
                if is_header(&begun.text) {
                    self.attention.begin_dump();
                }
                self.wrapped = Some(begun);
                return;
            }
            self.item(Item::Spoken(Box::new(begun)));
        }
        self.columns = Columns::count_in(&spoken.text).or(self.columns);
        if spoken.names == Names::Printed && wraps::may_have_more(&spoken.text, spoken.names) {
            self.wrapped = Some(spoken);
            return;
        }
        self.item(Item::Spoken(Box::new(spoken)));
    }

    fn unwrap(&mut self) {
        if let Some(begun) = self.wrapped.take() {
            self.item(Item::Spoken(Box::new(begun)));
        }
    }

    fn item(&mut self, item: Item) {
        let items = self.order.push(item);
        self.take(items);
    }

    /// What is in order.
    fn take(&mut self, items: Vec<Item>) {
        for item in items {
            let done = match item {
                Item::Spoken(spoken) => {
                    let (done, is_taken) = self.sources.push(&spoken);
                    if is_taken || !done.is_empty() {
                        self.attention.settle(self.sources.are_settled());
                    }
                    if is_taken {
                        self.attention.rouse();
                    } else if done.is_empty() {
                        self.unread(&spoken);
                    }
                    done
                }
                Item::Boot(boot) => self.sources.boot(boot.as_deref()),
                Item::End => self.sources.turn(),
            };
            self.done.extend(done);
        }
    }
}

#[cfg(test)]
mod tests;
