//! The frames a guest sends home over its serial port: a kind, a length, the payload.

use std::io::{self, Read, Write};

/// The largest payload of one frame; larger data goes as several.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// One message from the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// What the command wrote to its standard output or error.
    Output(Vec<u8>),
    /// A file follows; its path below the guest's `/out`.
    File(String),
    /// The next piece of the file named last.
    Data(Vec<u8>),
    /// The command's exit status, 128 + N when signal N ended it. The last frame.
    Exit(i32),
}

impl Frame {
    /// Writes the frame.
    ///
    /// # Errors
    /// When the payload is longer than [`MAX_PAYLOAD`], or the writer fails.
    pub fn write_to(&self, mut to: impl Write) -> io::Result<()> {
        let status;
        let (kind, payload) = match self {
            Self::Output(bytes) => (b'o', bytes.as_slice()),
            Self::File(name) => (b'f', name.as_bytes()),
            Self::Data(bytes) => (b'd', bytes.as_slice()),
            Self::Exit(code) => {
                status = code.to_le_bytes();
                (b'x', status.as_slice())
            }
        };
        let len = u32::try_from(payload.len()).ok().filter(|len| *len as usize <= MAX_PAYLOAD);
        let len = len.ok_or_else(|| invalid(format!("a frame of {} bytes", payload.len())))?;
        to.write_all(&[kind])?;
        to.write_all(&len.to_le_bytes())?;
        to.write_all(payload)
    }

    /// Reads the next frame; `None` at the end of the stream.
    ///
    /// # Errors
    /// When the stream ends inside a frame or holds something else.
    pub fn read_from(mut from: impl Read) -> io::Result<Option<Self>> {
        let mut kind = [0];
        if from.read(&mut kind)? == 0 {
            return Ok(None);
        }
        let mut len = [0; 4];
        from.read_exact(&mut len)?;
        let len = u32::from_le_bytes(len) as usize;
        if len > MAX_PAYLOAD {
            return Err(invalid(format!("a frame of {len} bytes")));
        }
        let mut payload = vec![0; len];
        from.read_exact(&mut payload)?;
        let frame = match kind {
            [b'o'] => Self::Output(payload),
            [b'f'] => Self::File(String::from_utf8(payload).map_err(invalid)?),
            [b'd'] => Self::Data(payload),
            [b'x'] => {
                let code =
                    payload.try_into().map_err(|_| invalid("an exit status of odd length"))?;
                Self::Exit(i32::from_le_bytes(code))
            }
            [other] => return Err(invalid(format!("a frame of unknown kind {other:#04x}"))),
        };
        Ok(Some(frame))
    }
}

fn invalid(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_were_sent() {
        let sent = [
            Frame::Output(b"hello\r\n\0\xff".to_vec()),
            Frame::File("a/b".into()),
            Frame::Data(vec![7; MAX_PAYLOAD]),
            Frame::Exit(-3),
        ];
        let mut wire = Vec::new();
        for frame in &sent {
            frame.write_to(&mut wire).unwrap();
        }
        let mut wire = wire.as_slice();
        for frame in &sent {
            assert_eq!(Frame::read_from(&mut wire).unwrap().as_ref(), Some(frame));
        }
        assert_eq!(Frame::read_from(&mut wire).unwrap(), None);
    }

    #[test]
    fn a_torn_or_foreign_stream_is_an_error() {
        for bytes in [&b"o\x05\0\0\0ab"[..], b"Linux version", b"z\0\0\0\0", b"x\x01\0\0\0a"] {
            Frame::read_from(bytes).unwrap_err();
        }
        let long = Frame::Output(vec![0; MAX_PAYLOAD + 1]);
        long.write_to(io::sink()).unwrap_err();
    }
}
