//! systemd's units in the path of a cgroup: a folder for each (`systemd.unit(5)`, Control Groups).

/// Suffixes of the units that hold processes.
const WITH_PROCESSES: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];

/// The innermost unit that holds processes.
pub(crate) fn unit(parts: &[&str]) -> Option<String> {
    let is_unit = |part: &&&str| WITH_PROCESSES.iter().any(|suffix| has_name(part, suffix));
    parts.iter().rfind(is_unit).map(|part| (*part).to_owned())
}

/// The innermost slice.
pub(crate) fn slice(parts: &[&str]) -> Option<String> {
    parts.iter().rfind(|part| has_name(part, ".slice")).map(|part| (*part).to_owned())
}

/// All units and slices, outermost first.
pub(crate) fn units(path: &str) -> impl Iterator<Item = &str> {
    let is_unit =
        |part: &&str| WITH_PROCESSES.iter().chain(&[".slice"]).any(|suffix| has_name(part, suffix));
    path.split('/').map(without_sign).filter(is_unit)
}

/// Whose a process is, as systemd says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Owners<'a> {
    /// The system manager's unit: the outermost one.
    pub(crate) system: Option<&'a str>,
    /// The outermost unit of a user's manager, where that is the system's (`cg_path_get_user_unit`,
    /// src/basic/cgroup-util.c of systemd).
    pub(crate) user: Option<&'a str>,
}

impl<'a> Owners<'a> {
    /// By the path of its cgroup: the first folder below the slices is the unit, or there is none
    /// (`cg_path_get_unit`, src/basic/cgroup-util.c of systemd). Further down, the name of a unit is
    /// that of a container's own systemd, or of anybody who may make a folder.
    pub(crate) fn of(path: &'a [u8]) -> Self {
        let mut parts = path
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty())
            .map(|part| str::from_utf8(part).unwrap_or_default())
            .map(without_sign);
        let system = below_slices(&mut parts);
        let user =
            if system.is_some_and(is_users_manager) { below_slices(&mut parts) } else { None };
        Self { system, user }
    }
}

/// A name that would be one of the kernel's own files has a sign more.
fn without_sign(part: &str) -> &str {
    part.strip_prefix('_').unwrap_or(part)
}

/// Whether it is the unit of a user's manager (user@.service(5)).
pub(crate) fn is_users_manager(unit: &str) -> bool {
    unit.starts_with("user@") && unit.ends_with(".service")
}

fn below_slices<'a>(parts: &mut impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let part = parts.find(|part| !has_name(part, ".slice"))?;
    WITH_PROCESSES.iter().any(|suffix| has_name(part, suffix)).then_some(part)
}

/// What stands for `\xXX` in a unit's name (systemd.unit(5), String Escaping).
pub(crate) fn unescaped(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend(before.bytes());
        match after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.extend(*b"\\x");
                rest = after;
            }
        }
    }
    bytes.extend(rest.bytes());
    String::from_utf8(bytes).unwrap_or_else(|_| name.to_owned())
}

fn has_name(part: &str, suffix: &str) -> bool {
    part.strip_suffix(suffix).is_some_and(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_in_a_name_comes_back() {
        for (name, plain) in
            [("web", "web"), ("my\\x2dbox", "my-box"), ("a\\xzz", "a\\xzz"), ("\\xff", "\\xff")]
        {
            assert_eq!(unescaped(name), plain);
        }
    }

    #[test]
    fn a_users_manager_has_units_of_its_own() {
        let owners = |path: &'static str| {
            let Owners { system, user } = Owners::of(path.as_bytes());
            (system, user)
        };
        assert_eq!(owners("/system.slice/web.service"), (Some("web.service"), None));
        assert_eq!(owners("/system.slice/_cpu.service"), (Some("cpu.service"), None));
        let nested = "/machine.slice/libpod-1f.scope/container/system.slice/web.service";
        assert_eq!(owners(nested), (Some("libpod-1f.scope"), None));
        let user = "/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox.scope";
        assert_eq!(owners(user), (Some("user@1000.service"), Some("app-firefox.scope")));
        let session = "/user.slice/user-1000.slice/session-2.scope";
        assert_eq!(owners(session), (Some("session-2.scope"), None));
        assert_eq!(owners("/kubepods/pod1"), (None, None));
        // Of a container's own manager, under cgroups that are no unit of this machine's.
        for path in [
            "/lxc.payload.web/system.slice/nginx.service",
            "/lxc/101/ns/system.slice/postfix.service",
            "/docker/4f5e/system.slice/ssh.service",
        ] {
            assert_eq!(owners(path), (None, None), "{path}");
        }
        let nested = "/user.slice/user-1000.slice/user@1000.service/lxc/web/system.slice/a.service";
        assert_eq!(owners(nested), (Some("user@1000.service"), None));
    }
}
