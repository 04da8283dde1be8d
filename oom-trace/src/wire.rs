//! From the bytes of the ring buffer to typed records. Pure; bad input is an error, never a panic.

pub use oom_trace_common::record;

use self::record::{
    Candidate, Command, End, Freed, Group, Header, Incident, Level, NAME_PRESENT, Printed, Sharer,
    Victim, candidate_field, command_field, incident_field, kind, victim_field,
};
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
    /// A shortage, and a task was chosen.
    Incident(Box<Incident>, IncidentNames),
    /// A shortage, and nobody was chosen.
    NoVictim(Box<Incident>, IncidentNames),
    /// A marked task, with its cgroup.
    Victim(Box<Victim>, Option<KernelText>),
    /// A process signalled with the last victim.
    Sharer(Sharer),
    /// The cgroup that is killed as a whole.
    Group(Group, Option<KernelText>),
    /// What the kernel prints of the limit cgroup.
    Printed(Printed),
    /// What the last victim was.
    Command(Box<Command>, CommandNames),
    /// The limit cgroup, or one above it.
    Level(Box<Level>),
    /// A task that was weighed, with its cgroup.
    Candidate(Box<Candidate>, Option<KernelText>),
    /// The memory of a victim is back.
    Freed(Freed),
    /// No more victims of the incident.
    End(End),
}

/// The cgroups of an incident, and its stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentNames {
    /// Whose limit was hit.
    pub limit: Option<KernelText>,
    /// The trigger's.
    pub trigger: Option<KernelText>,
    /// The chosen task's.
    pub chosen: Option<KernelText>,
    /// The stack as the kernel names it, innermost first; empty where it does not.
    pub symbols: Vec<String>,
}

/// What a victim ran.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandNames {
    /// The path of its executable.
    pub exe: Option<KernelText>,
    /// Its arguments as they stand in its memory, each ended by NUL.
    pub arguments: Option<Vec<u8>>,
}

/// Reads one record.
///
/// # Errors
/// The bytes are no record.
pub fn decode(bytes: &[u8]) -> Result<Event, WireError> {
    let (header, _) = read::<Header>(bytes, 0)?;
    match header.kind {
        kind::INCIDENT => {
            incident(bytes, kind::INCIDENT).map(|(it, names)| Event::Incident(it, names))
        }
        kind::NO_VICTIM => {
            incident(bytes, kind::NO_VICTIM).map(|(it, names)| Event::NoVictim(it, names))
        }
        kind::VICTIM => {
            let (victim, path) = read::<Victim>(bytes, kind::VICTIM)?;
            let [path] =
                split(path, [victim.path_len]).ok_or(WireError::Paths { kind: kind::VICTIM })?;
            let path = (victim.header.present & victim_field::PATH != 0).then(|| join(path));
            Ok(Event::Victim(Box::new(victim), path))
        }
        kind::SHARER => Ok(Event::Sharer(read::<Sharer>(bytes, kind::SHARER)?.0)),
        kind::GROUP => {
            let (group, path) = read::<Group>(bytes, kind::GROUP)?;
            let end = u32::try_from(group.path_len).unwrap_or(u32::MAX);
            let [path] = split(path, [end]).ok_or(WireError::Paths { kind: kind::GROUP })?;
            let path = (group.header.present & NAME_PRESENT != 0).then(|| join(path));
            Ok(Event::Group(group, path))
        }
        kind::PRINTED => Ok(Event::Printed(read::<Printed>(bytes, kind::PRINTED)?.0)),
        kind::COMMAND => {
            let (command, names) = read::<Command>(bytes, kind::COMMAND)?;
            let [exe, arguments] = split(names, [command.exe_end, command.argv_end])
                .ok_or(WireError::Paths { kind: kind::COMMAND })?;
            let has = |bit| command.header.present & bit != 0;
            let names = CommandNames {
                exe: has(command_field::EXE).then(|| join(exe)),
                arguments: has(command_field::ARGV).then(|| arguments.to_vec()),
            };
            Ok(Event::Command(Box::new(command), names))
        }
        kind::LEVEL => Ok(Event::Level(Box::new(read::<Level>(bytes, kind::LEVEL)?.0))),
        kind::CANDIDATE => {
            let (candidate, path) = read::<Candidate>(bytes, kind::CANDIDATE)?;
            let end = u32::try_from(candidate.path_len).unwrap_or(u32::MAX);
            let [path] = split(path, [end]).ok_or(WireError::Paths { kind: kind::CANDIDATE })?;
            let path = (candidate.header.present & candidate_field::PATH != 0).then(|| join(path));
            Ok(Event::Candidate(Box::new(candidate), path))
        }
        kind::FREED => Ok(Event::Freed(read::<Freed>(bytes, kind::FREED)?.0)),
        kind::END => Ok(Event::End(read::<End>(bytes, kind::END)?.0)),
        other => Err(WireError::Kind(other)),
    }
}

fn incident(bytes: &[u8], kind: u32) -> Result<(Box<Incident>, IncidentNames), WireError> {
    let (incident, names) = read::<Incident>(bytes, kind)?;
    let ends = [
        incident.limit_path_end,
        incident.chosen_path_end,
        incident.trigger_path_end,
        incident.symbols_end,
    ];
    let [limit, chosen, trigger, symbols] = split(names, ends).ok_or(WireError::Paths { kind })?;
    let path = |names, bit| (incident.header.present & bit != 0).then(|| join(names));
    let names = IncidentNames {
        limit: path(limit, incident_field::LIMIT_PATH),
        trigger: path(trigger, incident_field::TRIGGER_PATH),
        chosen: path(chosen, incident_field::CHOSEN_PATH),
        symbols: texts(symbols).map(|symbol| String::from_utf8_lossy(symbol).into()).collect(),
    };
    Ok((Box::new(incident), names))
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

/// `b\0a\0` is `b` and `a`.
fn texts(bytes: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let texts = bytes.strip_suffix(&[0]).unwrap_or(bytes).split(|&byte| byte == 0);
    texts.filter(move |_| !bytes.is_empty())
}

/// `b\0a\0` is `/a/b`.
fn join(names: &[u8]) -> KernelText {
    let mut path = Vec::with_capacity(names.len() + 1);
    for name in texts(names).rev() {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() {
        path.push(b'/');
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
    fn an_incident_holds_three_paths_and_a_stack() {
        let mut incident = Incident::new_zeroed();
        incident.header.kind = kind::INCIDENT;
        incident.header.present = incident_field::LIMIT_PATH | incident_field::CHOSEN_PATH;
        (incident.limit_path_end, incident.chosen_path_end) = (2, 6);
        (incident.trigger_path_end, incident.symbols_end) = (6, 16);
        let bytes = [incident.as_bytes(), b"a\0b\0a\0f+0x1\0g+2\0"].concat();
        let Event::Incident(_, names) = decode(&bytes).unwrap() else { panic!("no incident") };
        let expected = IncidentNames {
            limit: Some("/a".into()),
            trigger: None,
            chosen: Some("/a/b".into()),
            symbols: vec!["f+0x1".into(), "g+2".into()],
        };
        assert_eq!(names, expected);
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(decode(&[]).unwrap_err(), WireError::Short { kind: 0, len: 0 });
        assert_eq!(decode(&[0xff; 64]).unwrap_err(), WireError::Kind(u32::MAX));
    }
}
