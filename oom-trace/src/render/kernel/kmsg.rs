//! Text as `/dev/kmsg` shows it.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::text::KernelText;

/// A name as `/dev/kmsg` escapes it (`msg_add_ext_text` in `kernel/printk/printk.c`).
pub(super) struct Kmsg<'a>(&'a [u8]);

impl<'a> From<&'a KernelText> for Kmsg<'a> {
    fn from(text: &'a KernelText) -> Self {
        Self(text.as_bytes())
    }
}

impl<'a> From<&'a str> for Kmsg<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl Display for Kmsg<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            match byte {
                b'\\' => f.write_str("\\x5c")?,
                b' '..=b'~' => f.write_char(char::from(*byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}
