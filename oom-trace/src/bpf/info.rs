//! What the kernel tells of its objects; layouts and numbers are those of include/uapi/linux/bpf.h.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use zerocopy::{FromBytes, FromZeros as _, Immutable, IntoBytes};

use super::calls::{BPF_OBJ_NAME_LEN, len, number};
use super::sys::{bpf, bpf_answer, own};

const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const BPF_BTF_GET_FD_BY_ID: libc::c_int = 19;

/// `BPF_OBJ_GET_INFO_BY_FD`
#[repr(C)]
#[derive(IntoBytes, FromBytes)]
struct GetInfo {
    bpf_fd: u32,
    info_len: u32,
    info: u64,
}

/// Fills in what the kernel tells of an object; how many bytes of it there are.
fn get_info<T: IntoBytes + FromBytes>(object: impl AsFd, info: &mut T) -> io::Result<usize> {
    let info = info.as_mut_bytes();
    let mut get = GetInfo {
        bpf_fd: number(object)?,
        info_len: len(info)?,
        info: info.as_mut_ptr().expose_provenance() as u64,
    };
    bpf_answer(BPF_OBJ_GET_INFO_BY_FD, &mut get)?;
    std::hint::black_box(info);
    Ok(get.info_len as usize)
}

/// What the kernel made of a program.
pub(super) struct Verified {
    #[cfg_attr(
        not(feature = "ebpf-log"),
        expect(dead_code, reason = "the hooks' own log is found by it")
    )]
    pub(super) id: u32,
    /// Bytes of its translated instructions.
    pub(super) bytes: u32,
    /// Instructions that the verifier looked at; the kernel tells from 5.16 on.
    pub(super) instructions: Option<u32>,
}

/// Asks it.
pub(super) fn verified(program: impl AsFd) -> io::Result<Verified> {
    /// Words of `struct bpf_prog_info`.
    const ID: usize = 1;
    const XLATED_PROG_LEN: usize = 5;
    const VERIFIED_INSNS: usize = 54;
    let mut info = [0_u32; VERIFIED_INSNS + 2];
    let told = get_info(program, &mut info)? / size_of::<u32>();
    Ok(Verified {
        id: info[ID],
        bytes: info[XLATED_PROG_LEN],
        instructions: (told > VERIFIED_INSNS).then_some(info[VERIFIED_INSNS]),
    })
}

/// `struct bpf_btf_info`
#[repr(C)]
#[derive(IntoBytes, FromBytes)]
struct BtfInfo {
    btf: u64,
    btf_size: u32,
    id: u32,
    name: u64,
    name_len: u32,
    kernel_btf: u32,
}

/// `BPF_BTF_GET_FD_BY_ID`
#[repr(C)]
#[derive(IntoBytes, Immutable)]
struct GetById {
    id: u32,
    next_id: u32,
    open_flags: u32,
}

/// The kernel's own type information, which the kernel gives a number from 5.11 on.
pub(super) struct KernelTypes(OwnedFd);

impl KernelTypes {
    /// The number it has: the kernel reads it before anybody hands over another.
    const ID: u32 = 1;

    /// Opens it, for which `CAP_SYS_ADMIN` is needed; and how many bytes it has.
    pub(super) fn open() -> io::Result<(Self, usize)> {
        let get = GetById { id: Self::ID, next_id: 0, open_flags: 0 };
        let fd = own(bpf(BPF_BTF_GET_FD_BY_ID, &get)?)?;
        let mut name = [0_u8; BPF_OBJ_NAME_LEN];
        let mut info = BtfInfo::new_zeroed();
        info.name = name.as_mut_ptr().expose_provenance() as u64;
        info.name_len = len(&name)?;
        get_info(&fd, &mut info)?;
        let name = std::hint::black_box(name);
        if info.kernel_btf == 0 || !name.starts_with(b"vmlinux\0") {
            return Err(io::ErrorKind::NotFound.into());
        }
        let size = usize::try_from(info.btf_size).map_err(io::Error::other)?;
        Ok((Self(fd), size))
    }

    /// Copies it.
    pub(super) fn read(&self, to: &mut [u8]) -> io::Result<()> {
        let mut info = BtfInfo::new_zeroed();
        info.btf = to.as_mut_ptr().expose_provenance() as u64;
        info.btf_size = len(to)?;
        get_info(&self.0, &mut info)?;
        Ok(())
    }
}
