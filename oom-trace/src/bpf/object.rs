//! The image in the kernel: its maps made, its programs loaded as they are asked for.

use std::io;
use std::num::NonZero;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, available_parallelism, scope};

use super::calls::{self, Loadable, Rejected};
use super::error::BpfError;
use super::image::{IMAGE, MapImage, ProgramImage};

/// Bytes of the stack of a thread that loads programs: it does nothing else.
const STACK: usize = 128 << 10;

/// The maps, and what programs are loaded with.
pub(super) struct Object {
    /// In the order of the image's.
    maps: Vec<OwnedFd>,
    types: OwnedFd,
}

impl Object {
    /// Makes the maps. The programs have these `globals`, each by its name.
    ///
    /// # Errors
    /// The kernel turns one down.
    pub(super) fn new(globals: &[(&'static str, &[u8])]) -> Result<Self, BpfError> {
        let failed = |what| move |error| BpfError::Object { what, error };
        let types = calls::load_types(IMAGE.types).map_err(failed("its type information"))?;
        let mut maps = Vec::with_capacity(IMAGE.maps.len());
        for (place, image) in IMAGE.maps.iter().enumerate() {
            let data = data(place, image, globals)?;
            let map = make(image, &data).map_err(failed(image.name))?;
            maps.push(map);
        }
        Ok(Self { maps, types })
    }

    /// The map of this name.
    pub(super) fn map(&self, name: &'static str) -> Result<&OwnedFd, BpfError> {
        let mut maps = IMAGE.maps.iter().zip(&self.maps);
        let found = maps.find_map(|(image, map)| (image.name == name).then_some(map));
        found.ok_or(BpfError::Incomplete(name))
    }

    /// Loads a program. `target` is the number in the kernel's BTF of the function that a trampoline
    /// is for, else 0.
    pub(super) fn load(&self, program: &ProgramImage, target: u32) -> Result<OwnedFd, Rejected> {
        let loadable = Loadable {
            name: program.name,
            kind: program.kind,
            code: &self.with_maps(program.code),
            functions: program.functions,
            license: IMAGE.license,
            target,
        };
        calls::load_program(&loadable, &self.types)
    }

    /// The instructions with descriptors in place of the maps' places.
    fn with_maps(&self, code: &[u8]) -> Vec<u8> {
        /// `BPF_LD | BPF_IMM | BPF_DW`
        const LOAD_IMMEDIATE: u8 = 0x18;
        const PSEUDO_MAP_FD: u8 = 1;
        const PSEUDO_MAP_VALUE: u8 = 2;
        let mut code = code.to_vec();
        for insn in code.as_chunks_mut::<8>().0 {
            let [LOAD_IMMEDIATE, registers, _, _, immediate @ ..] = insn else { continue };
            if !matches!(*registers >> 4, PSEUDO_MAP_FD | PSEUDO_MAP_VALUE) {
                continue;
            }
            let place = usize::try_from(u32::from_le_bytes(*immediate));
            if let Some(map) = place.ok().and_then(|place| self.maps.get(place)) {
                *immediate = map.as_raw_fd().to_ne_bytes();
            }
        }
        code
    }
}

/// What the map begins as.
fn data(
    place: usize,
    image: &MapImage,
    globals: &[(&'static str, &[u8])],
) -> Result<Vec<u8>, BpfError> {
    let mut data = image.data.to_vec();
    for &(name, value) in globals {
        let global = IMAGE.globals.iter().find(|global| global.name == name);
        let global = global.ok_or(BpfError::Incomplete(name))?;
        if global.map == place {
            let room = data.get_mut(global.offset..).and_then(|it| it.get_mut(..value.len()));
            room.ok_or(BpfError::Incomplete(name))?.copy_from_slice(value);
        }
    }
    Ok(data)
}

fn make(image: &MapImage, data: &[u8]) -> io::Result<OwnedFd> {
    let map = calls::create_map(image)?;
    if !data.is_empty() {
        calls::set_element(&map, 0, data)?;
    }
    if image.is_constant {
        calls::freeze(&map)?;
    }
    Ok(map)
}

/// Does the work for each item on as many threads as there are processors, and answers in the items'
/// order. One after the other takes longer and no thread where there is one processor.
pub(super) fn side_by_side<T: Sync, R: Send + Sync>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let answers: Vec<_> = items.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let worker = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let (Some(item), Some(answer)) = (items.get(place), answers.get(place)) else { return };
            // Nobody else has this place.
            let _ = answer.set(work(item));
        }
    };
    let workers = available_parallelism().map_or(1, NonZero::get).min(items.len());
    scope(|scope| {
        for _ in 1..workers {
            // What one that cannot be started would do, the others do.
            let thread = Builder::new().name("load".into()).stack_size(STACK);
            let _ = thread.spawn_scoped(scope, worker);
        }
        worker();
    });
    answers.into_iter().filter_map(OnceLock::into_inner).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::kernel::plan::Rung;

    #[test]
    fn each_hook_has_its_program_and_each_program_its_hook() {
        let hooks = Rung::ALL.iter().flat_map(|rung| rung.hooks());
        let hooked = hooks.flat_map(|hook| [Some(hook.program), hook.instead]).flatten();
        let hooked: BTreeSet<_> = hooked.collect();
        let loaded: BTreeSet<_> = IMAGE.programs.iter().map(|program| program.name).collect();
        assert_eq!(loaded, hooked);
    }

    #[test]
    fn answers_come_in_the_order_of_the_items() {
        let items: Vec<u32> = (0..100).collect();
        assert_eq!(side_by_side(&items, |item| item + 1), (1..=100).collect::<Vec<_>>());
        assert_eq!(side_by_side(&items[..0], |item| item + 1), Vec::<u32>::new());
    }
}
