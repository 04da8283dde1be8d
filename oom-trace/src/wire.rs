//! From the bytes of the ring buffer to typed records. Pure; bad input is an error, never a panic.

pub use oom_trace_common::record;

use self::record::{End, Header, Incident, Victim, incident_field, kind, victim_field};
use zerocopy::FromBytes;

use crate::text::KernelText;

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Shorter than its kind.
    #[error("a record of kind {kind} has only {len} bytes")]
    Short {
        /// Its kind, 0 if even that is missing.
        kind: u32,
        /// Its length.
        len: usize,
    },
    /// Of no known kind.
    #[error("no record is of kind {0}")]
    Kind(u32),
    /// Its paths do not lie within it.
    #[error("the paths of a record of kind {kind} do not fill it")]
    Paths {
        /// Its kind.
        kind: u32,
    },
}

/// One record.
#[derive(Debug, Clone)]
pub enum Event {
    /// A shortage.
    Incident(Box<Incident>, IncidentPaths),
    /// A marked task, with its cgroup.
    Victim(Box<Victim>, Option<KernelText>),
    /// No more victims of the incident.
    End(End),
}

/// The cgroups of an incident.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentPaths {
    /// Whose limit was hit.
    pub limit: Option<KernelText>,
    /// The trigger's.
    pub trigger: Option<KernelText>,
    /// The chosen task's.
    pub chosen: Option<KernelText>,
}

/// Reads one record.
///
/// # Errors
/// The bytes are no record.
pub fn decode(bytes: &[u8]) -> Result<Event, WireError> {
    let (header, _) = read::<Header>(bytes, 0)?;
    match header.kind {
        kind::INCIDENT => {
            let (incident, paths) = read::<Incident>(bytes, kind::INCIDENT)?;
            let ends =
                [incident.limit_path_end, incident.chosen_path_end, incident.trigger_path_end];
            let [limit, chosen, trigger] =
                split(paths, ends).ok_or(WireError::Paths { kind: kind::INCIDENT })?;
            let path = |names, bit| (incident.header.present & bit != 0).then(|| join(names));
            let paths = IncidentPaths {
                limit: path(limit, incident_field::LIMIT_PATH),
                trigger: path(trigger, incident_field::TRIGGER_PATH),
                chosen: path(chosen, incident_field::CHOSEN_PATH),
            };
            Ok(Event::Incident(Box::new(incident), paths))
        }
        kind::VICTIM => {
            let (victim, path) = read::<Victim>(bytes, kind::VICTIM)?;
            let [path] =
                split(path, [victim.path_len]).ok_or(WireError::Paths { kind: kind::VICTIM })?;
            let path = (victim.header.present & victim_field::PATH != 0).then(|| join(path));
            Ok(Event::Victim(Box::new(victim), path))
        }
        kind::END => Ok(Event::End(read::<End>(bytes, kind::END)?.0)),
        other => Err(WireError::Kind(other)),
    }
}

/// The fixed part, copied (the ring aligns to 8 bytes, a caller need not), and what follows it.
fn read<T: FromBytes>(bytes: &[u8], kind: u32) -> Result<(T, &[u8]), WireError> {
    T::read_from_prefix(bytes).map_err(|_| WireError::Short { kind, len: bytes.len() })
}

/// Cuts the paths apart where each ends; they must fill the bytes to the last.
fn split<const N: usize>(bytes: &[u8], ends: [u32; N]) -> Option<[&[u8]; N]> {
    let mut paths: [&[u8]; N] = [&[]; N];
    let mut start = 0;
    for (path, end) in paths.iter_mut().zip(ends) {
        let end = end as usize;
        *path = bytes.get(start..end)?;
        start = end;
    }
    (start == bytes.len()).then_some(paths)
}

/// `b\0a\0` is `/a/b`.
fn join(names: &[u8]) -> KernelText {
    let mut path = Vec::with_capacity(names.len() + 1);
    let names = names.strip_suffix(&[0]).unwrap_or(names);
    if names.is_empty() {
        path.push(b'/');
    } else {
        for name in names.split(|&byte| byte == 0).rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
    }
    KernelText::from(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::{FromZeros as _, IntoBytes as _};

    fn victim(path: &[u8]) -> Vec<u8> {
        let mut victim = Victim::new_zeroed();
        victim.header.kind = kind::VICTIM;
        victim.header.present = victim_field::PATH;
        victim.path_len = u32::try_from(path.len()).unwrap();
        [victim.as_bytes(), path].concat()
    }

    fn path_of(bytes: &[u8]) -> Option<KernelText> {
        match decode(bytes).unwrap() {
            Event::Victim(_, path) => path,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_path_is_turned_around() {
        assert_eq!(path_of(&victim(b"app.service\0web\0")), Some("/web/app.service".into()));
        assert_eq!(path_of(&victim(b"")), Some("/".into()));
    }

    #[test]
    fn a_path_that_could_not_be_read_is_none() {
        let mut bytes = victim(b"");
        bytes[24..32].fill(0);
        assert_eq!(path_of(&bytes), None);
    }

    #[test]
    fn every_cut_of_a_record_is_an_error() {
        let bytes = victim(b"b\0a\0");
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "{len}");
        }
        assert_eq!(
            decode(&[bytes, vec![0]].concat()).unwrap_err(),
            WireError::Paths { kind: kind::VICTIM }
        );
    }

    #[test]
    fn an_incident_holds_three_paths() {
        let mut incident = Incident::new_zeroed();
        incident.header.kind = kind::INCIDENT;
        incident.header.present = incident_field::LIMIT_PATH | incident_field::CHOSEN_PATH;
        (incident.limit_path_end, incident.chosen_path_end, incident.trigger_path_end) = (2, 6, 6);
        let bytes = [incident.as_bytes(), b"a\0b\0a\0"].concat();
        let Event::Incident(_, paths) = decode(&bytes).unwrap() else { panic!("no incident") };
        let expected =
            IncidentPaths { limit: Some("/a".into()), trigger: None, chosen: Some("/a/b".into()) };
        assert_eq!(paths, expected);
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(decode(&[]).unwrap_err(), WireError::Short { kind: 0, len: 0 });
        assert_eq!(decode(&[0xff; 64]).unwrap_err(), WireError::Kind(u32::MAX));
    }
}
