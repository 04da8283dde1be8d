//! Ways through the tree of a file that was parsed: to what stands at a place, and to take it out.

use std::fmt::Write as _;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// Bytes of the file.
pub(super) type Span = Range<usize>;

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// The way to the innermost entry whose key or value is at this place.
pub(super) fn find(table: &DeTable<'_>, place: &Span) -> Option<Vec<Step>> {
    table.iter().find_map(|(key, value)| {
        let step = Step::Key(key.get_ref().to_string());
        // A table's header covers the key in it, which is meant by itself.
        if key.span() == *place {
            return Some(vec![step]);
        }
        below(step, value, place)
    })
}

/// The same in a value that this step leads to.
fn below(step: Step, value: &Spanned<DeValue<'_>>, place: &Span) -> Option<Vec<Step>> {
    let inner = match value.get_ref() {
        DeValue::Table(table) => find(table, place),
        DeValue::Array(array) => {
            let mut items = array.iter().enumerate();
            items.find_map(|(index, item)| below(Step::Index(index), item, place))
        }
        _ => None,
    };
    // A table's own place is its header: what is in it need not be.
    let way = inner.or_else(|| covers(&value.span(), place).then(Vec::new));
    way.map(|mut way| {
        way.insert(0, step);
        way
    })
}

fn covers(span: &Span, place: &Span) -> bool {
    span.start <= place.start && place.end <= span.end
}

/// Takes out what a way leads to.
pub(super) fn take_out(table: &mut DeTable<'_>, way: &[Step]) {
    let Some((Step::Key(name), rest)) = way.split_first() else { return };
    match table.get_mut(name.as_str()) {
        Some(value) if !rest.is_empty() => take_out_of(value.get_mut(), rest),
        _ => drop(table.remove(name.as_str())),
    }
}

fn take_out_of(value: &mut DeValue<'_>, way: &[Step]) {
    match (value, way.split_first()) {
        (DeValue::Table(table), _) => take_out(table, way),
        (DeValue::Array(array), Some((Step::Index(index), []))) => {
            let items = std::mem::replace(array, DeArray::new()).into_iter().enumerate();
            *array = items.filter(|(other, _)| other != index).map(|(_, item)| item).collect();
        }
        (DeValue::Array(array), Some((Step::Index(index), rest))) => {
            if let Some(item) = array.get_mut(*index) {
                take_out_of(item.get_mut(), rest);
            }
        }
        _ => {}
    }
}

/// As people write it: `sink.file[0].format`.
pub(super) fn name(way: &[Step]) -> String {
    let mut name = String::new();
    for step in way {
        let _ = match step {
            Step::Key(key) if name.is_empty() => write!(name, "{key}"),
            Step::Key(key) => write!(name, ".{key}"),
            Step::Index(index) => write!(name, "[{index}]"),
        };
    }
    name
}
