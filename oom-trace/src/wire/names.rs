//! Names of stack frames, each of which the kernel's side tells once.

use oom_trace_common::record::{NAMES, is_kept, name_place};

use super::Frame;

/// The names that were told, each in the place that its address has on both sides: what the eBPF program
/// takes for told is here.
#[derive(Debug)]
pub struct Names(Box<[Option<(u64, String)>; NAMES]>);

impl Default for Names {
    fn default() -> Self {
        Self(Box::new([const { None }; NAMES]))
    }
}

impl Names {
    /// Adds the names that were told before, and remembers those that are told now. The stack of each record
    /// must come by here, in their order.
    pub fn complete(&mut self, frames: &mut [Frame]) {
        let mut new = Vec::new();
        for Frame { address, symbol } in frames {
            match symbol {
                Some(name) if is_kept(name.as_bytes()) => new.push((*address, name.clone())),
                Some(_) => {}
                None => {
                    let told = self.0.get(name_place(*address)).and_then(Option::as_ref);
                    let told = told.filter(|(told, _)| told == address);
                    *symbol = told.map(|(_, name)| name.clone());
                }
            }
        }
        // What is told now was no reason yet to leave a name out.
        for (address, name) in new {
            if let Some(place) = self.0.get_mut(name_place(address)) {
                *place = Some((address, name));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(address: u64, symbol: Option<&str>) -> Frame {
        Frame { address, symbol: symbol.map(Into::into) }
    }

    #[test]
    fn a_name_is_told_once_and_stands_for_all_that_follow() {
        let mut names = Names::default();
        let mut names_of = |mut frames: [Frame; 2]| {
            names.complete(&mut frames);
            frames.map(|frame| frame.symbol.unwrap_or_default())
        };
        // Two addresses of one place: the later takes it.
        let other = (2..).find(|&address| name_place(address) == name_place(1)).unwrap();
        assert_eq!(names_of([frame(1, Some("a")), frame(other, Some("b"))]), ["a", "b"]);
        // When this was written `b` was known to be told, and `a` is told anew.
        assert_eq!(names_of([frame(1, Some("a")), frame(other, None)]), ["a", "b"]);
        assert_eq!(names_of([frame(1, None), frame(other, Some("b"))]), ["a", "b"]);
        // A module may leave, and another come to the same address.
        let module = frame(1, Some("c+0x1/0x2 [m]"));
        assert_eq!(names_of([module, frame(other, None)]), ["c+0x1/0x2 [m]", "b"]);
        assert_eq!(names_of([frame(1, None), frame(other, None)]), ["", "b"]);
    }
}
