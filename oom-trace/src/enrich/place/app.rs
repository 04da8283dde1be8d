//! Desktop applications, by the units that desktops start them in (systemd's "Desktop Environment Integration"):
//! `app-LAUNCHER-ID-RANDOM.scope`, `app-LAUNCHER-ID@RANDOM.service`, the launcher left out by some, and Snap's
//! `snap.NAME.APP-RANDOM.scope`.

use crate::systemd::{is_users_manager, unescaped};

/// The identifier of the application in a path, as its `.desktop` file is named. Of those with `app-` only a
/// user's manager has any: a service of the system may be called so, too.
pub(super) fn find(parts: &[&str]) -> Option<String> {
    let manager = parts.iter().position(|part| is_users_manager(part));
    let mut users = manager.and_then(|at| parts.get(at + 1..)).unwrap_or_default().iter().rev();
    let desktops = users.find_map(|part| scope(part).or_else(|| service(part)));
    desktops.or_else(|| parts.iter().rev().find_map(|part| snap(part)))
}

fn scope(part: &str) -> Option<String> {
    let (name, random) = part.strip_suffix(".scope")?.strip_prefix("app-")?.rsplit_once('-')?;
    if random.is_empty() { None } else { id(name) }
}

fn service(part: &str) -> Option<String> {
    let name = part.strip_suffix(".service")?.strip_prefix("app-")?;
    id(name.split_once('@').map_or(name, |(name, _)| name))
}

/// Dashes of the identifier itself are escaped, so that one that stands there is behind the launcher.
fn id(name: &str) -> Option<String> {
    let id = name.rsplit_once('-').map_or(name, |(_, id)| id);
    (!id.is_empty()).then(|| unescaped(id))
}

/// `snap.firefox.firefox-UUID.scope`; before 2.63 a dot stands before the UUID.
fn snap(part: &str) -> Option<String> {
    const DASH_AND_UUID: usize = 37;
    let name = part.strip_suffix(".scope")?.strip_prefix("snap.")?;
    let (name, _) = name.split_at_checked(name.len().checked_sub(DASH_AND_UUID)?)?;
    let (snap, app) = name.split_once('.')?;
    let is_named = !snap.is_empty() && !app.is_empty();
    is_named.then(|| if app == snap { snap.to_owned() } else { format!("{snap}.{app}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_is_named_by_its_unit() {
        const USER: &str = "/user.slice/user-1000.slice/user@1000.service/app.slice";
        for (unit, expected) in [
            ("app-gnome-firefox-4242.scope", Some("firefox")),
            ("app-gnome-org.gnome.Terminal-4242.scope", Some("org.gnome.Terminal")),
            ("app-flatpak-org.mozilla.firefox-4242.scope", Some("org.mozilla.firefox")),
            ("app-org.kde.konsole-9a8b7c.scope", Some("org.kde.konsole")),
            ("app-gnome-gnome\\x2dterminal-7.scope", Some("gnome-terminal")),
            ("app-KDE-org.kde.dolphin@5f.service", Some("org.kde.dolphin")),
            ("app-org.kde.dolphin@autostart.service", Some("org.kde.dolphin")),
            ("snap.firefox.firefox-e44637ac-ec33-4d5a-9b1e-0a1b2c3d4e5f.scope", Some("firefox")),
            ("snap.lxd.lxc.e44637ac-ec33-4d5a-9b1e-0a1b2c3d4e5f.scope", Some("lxd.lxc")),
            (
                "snap.telegram-desktop.telegram-desktop-e44637ac-ec33-4d5a-9b1e-0a1b2c3d4e5f.scope",
                Some("telegram-desktop"),
            ),
            ("snap.firefox.firefox-1c2d.scope", None),
            ("app-firefox.scope", None),
            ("app-.scope", None),
            ("app-gnome--7.scope", None),
            ("snap.scope", None),
            ("vte-spawn-1c2d.scope", None),
            ("app.slice", None),
        ] {
            let path = format!("{USER}/{unit}");
            let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
            assert_eq!(find(&parts).as_deref(), expected, "{unit}");
        }
        assert_eq!(find(&["system.slice", "app-backend.service"]), None);
    }
}
