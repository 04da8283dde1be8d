//! Browsers, which have a process for each tab and offer these first.

use super::program::Program;

/// Firefox's processes of web pages.
const PAGES: &[&str] = &["Web Content", "Isolated Web Co", "file:// Content", "Privileged Cont"];

pub(super) const NAMES: &[&str] = &[
    "Web Content",
    "Isolated Web Co",
    "file:// Content",
    "Privileged Cont",
    "firefox",
    "firefox-esr",
    "firefox-bin",
    "chrome",
    "chromium",
    "chromium-browse",
    "brave",
    "msedge",
    "vivaldi-bin",
    "opera",
];

/// What Chromium gives its renderers (content/public/common/content_constants.h). Kubelet gives all processes of
/// most pods as much.
const RENDERER_ADJ: i16 = 300;

pub(super) fn advice(program: &Program<'_>) -> Option<String> {
    let crowd = program.crowd(NAMES);
    let victim = &program.kill.victim;
    let is_renderer = program.has("--type=renderer")
        || victim.pod.is_none() && victim.oom_score_adj.is_some_and(|adj| adj >= RENDERER_ADJ);
    let is_page = PAGES.contains(&program.comm.as_ref())
        || (is_renderer && !program.comm.starts_with("firefox"));
    match (is_page, crowd) {
        (true, _) => Some(
            "reload the page and keep fewer tabs open: a tab's process died; the browser itself is \
             still running"
                .to_owned(),
        ),
        (false, Some(_)) => {
            let fewer = if victim.pod.is_some() { "open fewer pages at once" } else { "keep fewer tabs open" };
            Some(format!("{fewer}: the browser held most of {}", program.ceiling))
        }
        (false, None) => None,
    }
}
