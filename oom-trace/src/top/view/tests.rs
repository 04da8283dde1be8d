use std::path::Path;

use jiff::Zoned;
use jiff::civil::date;
use jiff::tz::TimeZone;
use ratatui::backend::{CrosstermBackend, TestBackend};
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::*;
use crate::top::keys::Key;
use crate::top::once::{picture, text};
use crate::top::rows::Listing;
use crate::top::testdata;

fn now() -> Zoned {
    date(2026, 11, 26).at(20, 14, 5, 0).to_zoned(TimeZone::UTC).unwrap()
}

/// What a terminal of this size shows.
fn shown(model: &mut Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let panes = Panes::of(Rect::new(0, 0, width, height), model);
    model.set_heights(panes.rows(), height);
    terminal.draw(|frame| draw(model, &panes, &now(), frame.buffer_mut())).unwrap();
    text(terminal.backend().buffer())
}

/// The same as a terminal gets it, with colours.
fn sent(model: &mut Model, width: u16, height: u16) -> String {
    let area = Rect::new(0, 0, width, height);
    let panes = Panes::of(area, model);
    model.set_heights(panes.rows(), height);
    ratatui::crossterm::style::force_color_output(true);
    let mut bytes = Vec::new();
    let options = TerminalOptions { viewport: Viewport::Fixed(area) };
    let mut terminal = Terminal::with_options(CrosstermBackend::new(&mut bytes), options).unwrap();
    terminal.draw(|frame| draw(model, &panes, &now(), frame.buffer_mut())).unwrap();
    drop(terminal);
    String::from_utf8(bytes).unwrap()
}

fn check(name: &str, picture: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/top/view/golden/{name}"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, picture).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(picture, expected, "{} differs; UPDATE_GOLDEN=1 writes it", path.display());
}

#[test]
fn terminals_of_all_sizes() {
    for (width, height) in [(50, 15), (80, 24), (120, 40), (200, 50)] {
        let mut model = testdata::model(Listing::default());
        if width > 80 {
            model.press(Key::Enter);
        }
        check(&format!("{width}x{height}"), &shown(&mut model, width, height));
        // Of these docs/pictures has one (`tests/pictures`).
        if matches!(width, 80 | 120) {
            check(&format!("{width}x{height}.ansi"), &sent(&mut model, width, height));
        }
    }
}

#[test]
fn the_tree() {
    let mut model = testdata::model(Listing { is_tree: true, ..Listing::default() });
    check("tree", &shown(&mut model, 100, 30));
}

#[test]
fn the_help() {
    let mut model = testdata::model(Listing::default());
    model.press(Key::F(1));
    check("help", &shown(&mut model, 80, 40));
    let short = shown(&mut model, 80, 24);
    assert!(short.contains("more; any other key"), "{short}");
    model.press(Key::End);
    assert!(shown(&mut model, 80, 24).contains("oom-trace history PID"));
}

#[test]
fn once() {
    let mut model = testdata::model(Listing::default());
    model.is_live = false;
    check("once", &picture(&mut model, 100, &now()));
}

/// What the docs show of it.
#[test]
fn the_page_shows_what_the_view_does() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/top.md");
    let mut told = std::fs::read_to_string(&page).unwrap();
    for (width, height) in [(80, 24), (120, 40)] {
        let golden = format!("src/top/view/golden/{width}x{height}");
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(golden);
        let picture = std::fs::read_to_string(golden).unwrap();
        let (begin, end) = (format!("<!-- {width} -->\n"), "<!-- end -->");
        let start = told.find(&begin).unwrap() + begin.len();
        let len = told[start..].find(end).unwrap();
        told.replace_range(start..start + len, &format!("```text\n{}\n```\n", picture.trim_end()));
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&page, &told).unwrap();
    }
    assert!(told == std::fs::read_to_string(page).unwrap(), "UPDATE_GOLDEN=1 writes docs/top.md");
}

#[test]
fn no_size_is_too_much_and_no_line_acts_on_the_terminal() {
    for pane in [Pane::Cgroups, Pane::Victims, Pane::Kills] {
        let mut model = testdata::model(Listing::default());
        for (width, height) in
            (1..230).step_by(7).flat_map(|w| (1..60).step_by(4).map(move |h| (w, h)))
        {
            model.pane = Pane::Cgroups;
            model.press(if height % 3 == 0 { Key::Enter } else { Key::F(5) });
            model.pane = pane;
            model.shows_help = height % 5 == 0;
            let picture = shown(&mut model, width, height);
            for line in picture.lines() {
                assert!(!line.chars().any(crate::text::acts), "{line:?}");
            }
        }
    }
}

#[test]
fn panes_fill_the_screen_and_do_not_overlap() {
    let mut model = testdata::model(Listing::default());
    for height in 0..200 {
        for pane in [Pane::Cgroups, Pane::Victims, Pane::Kills] {
            model.pane = pane;
            let panes = Panes::of(Rect::new(0, 0, 80, height), &model);
            let Panes { header, cgroups, victims, kills, footer } = panes;
            let all = [header, cgroups, victims, kills, footer];
            assert_eq!(all.iter().map(|it| it.height).sum::<u16>(), height);
            assert!(all.windows(2).all(|pair| pair[0].bottom() == pair[1].y));
            if height >= 24 {
                assert!(panes.rows().iter().all(|rows| *rows > 1), "{height} {pane:?}: {panes:?}");
            }
        }
    }
}

#[test]
fn where_nothing_is_to_be_seen_it_says_so() {
    let mut model = testdata::model(Listing::default());
    model.take(crate::top::sample::Sample::default(), &[]);
    model.kills = crate::top::kills::Kills::new(
        "from the kernel's log; no agent is running".into(),
        None,
        &[],
    );
    let picture = shown(&mut model, 80, 24);
    for words in ["no memory cgroups", "no process", "no agent is running", "memory –", "none"] {
        assert!(picture.contains(words), "{words}: {picture}");
    }
}

#[test]
fn what_is_gone_is_not_shown_as_without_a_limit() {
    let path = "/system.slice/app.service";
    let patterns = vec![path.parse().unwrap()];
    let mut model = testdata::model(Listing { patterns, ..Listing::default() });
    model.choose(Some(path.into()));
    let mut sample = testdata::sample(42);
    sample.cgroups.retain(|it| it.path != path.into());
    model.take(sample, &[]);
    let picture = shown(&mut model, 80, 24);
    for words in
        ["app.service is gone", "NEXT TO DIE: /system.slice/app.service is gone", "Esc shows"]
    {
        assert!(picture.contains(words), "{words}: {picture}");
    }
    assert!(!picture.contains("no limit"), "{picture}");
    model.listing.patterns = vec!["/none/*".parse().unwrap()];
    model.take(testdata::sample(44), &[]);
    let picture = shown(&mut model, 80, 24);
    assert!(picture.contains("no cgroup fits '/none/*'"), "{picture}");
}
