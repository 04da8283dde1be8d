//! The one thing that aya asks of the kernel's BTF to load an fentry or fexit program: which number
//! a function has.
//!
//! aya takes it from a BTF of its own, for which it would parse the whole file: more time than all
//! else at start, and some MiB of heap. The numbers are known; this is a BTF with nothing but the
//! functions, each at its place.

use aya::Btf;
use aya_obj::btf::{BtfType, Func, FuncLinkage, Int, IntEncoding};

use crate::kernel::facts::Known;

/// A BTF in which the functions to hook have their numbers.
pub(super) fn of_functions(known: &Known) -> Btf {
    let mut functions = known.functions.clone();
    functions.sort_unstable_by_key(|(_, id)| *id);
    let mut btf = Btf::new();
    // Number 0 is taken.
    let mut next = 1;
    for (name, id) in functions {
        while next < id {
            btf.add_type(BtfType::Int(Int::new(0, 1, IntEncoding::None, 0)));
            next += 1;
        }
        let name = btf.add_string(name);
        btf.add_type(BtfType::Func(Func::new(name, 0, FuncLinkage::Static)));
        next += 1;
    }
    btf
}

#[cfg(test)]
mod tests {
    use aya_obj::btf::BtfKind;

    use super::*;
    use crate::kernel::testdata;

    #[test]
    fn each_function_has_the_number_that_aya_finds() {
        for (kernel, version) in testdata::KERNELS {
            let bytes = testdata::btf(kernel);
            let whole = Btf::parse(&bytes, aya::Endianness::default()).unwrap();
            let known = Known::find(&bytes, version).unwrap();
            let btf = of_functions(&known);
            assert_eq!(known.functions.len(), 10, "{kernel}");
            for (name, id) in known.functions {
                for btf in [&btf, &whole] {
                    assert_eq!(
                        btf.id_by_type_name_kind(name, BtfKind::Func).unwrap(),
                        id,
                        "{name}"
                    );
                }
            }
        }
    }
}
