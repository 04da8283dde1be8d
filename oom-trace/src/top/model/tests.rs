use super::*;
use crate::top::testdata::{model, sample};

fn press(model: &mut Model, keys: &[Key]) -> Effect {
    keys.iter().fold(Effect::Nothing, |_, key| model.press(*key))
}

fn at(model: &Model) -> String {
    model.rows[model.cursor].standing.cgroup.path.to_string()
}

fn typed(text: &str) -> Vec<Key> {
    text.chars().map(Key::Char).collect()
}

#[test]
fn growth_and_what_is_left_come_of_several_looks() {
    let model = model(Listing::default());
    let app = model.rows.iter().find(|row| row.standing.cgroup.kills == Some(3)).unwrap();
    let per_minute = app.standing.growth.unwrap();
    assert!((10 << 20..14 << 20).contains(&per_minute), "{per_minute}");
    let left = app.standing.time_left().unwrap().as_secs();
    assert!((200..350).contains(&left), "{left}");
    assert_eq!(app.standing.new_kills, 1);
    assert_eq!(model.kills.rows.len(), 2);
    // Growth is that of what is held: a cache that fills up is none.
    assert_eq!(model.rows[0].standing.cgroup.path.to_string(), "/system.slice/app.service");
}

#[test]
fn one_that_is_made_anew_begins_anew() {
    let mut model = model(Listing::default());
    let path = "/system.slice/app.service";
    let find = |model: &Model| {
        let mut rows = model.rows.iter().map(|row| row.standing.clone());
        rows.find(|it| it.cgroup.path.as_bytes() == path.as_bytes()).unwrap()
    };
    let mut sample = model.sample.clone();
    sample.at += Duration::from_secs(2);
    for cgroup in sample.cgroups.iter_mut().filter(|it| it.path.as_bytes() == path.as_bytes()) {
        (cgroup.inode, cgroup.used, cgroup.kills) = (7, Some(1 << 20), Some(1));
    }
    model.take(sample, &[]);
    let standing = find(&model);
    assert_eq!((standing.new_kills, standing.growth), (1, None));
}

#[test]
fn the_root_is_listed_where_it_has_a_limit() {
    let mut model = model(Listing::default());
    let has_root =
        |model: &Model| model.rows.iter().any(|row| row.standing.cgroup.path.as_bytes() == b"/");
    assert!(!has_root(&model));
    let mut sample = model.sample.clone();
    for cgroup in sample.cgroups.iter_mut().filter(|it| it.path.as_bytes() == b"/") {
        cgroup.max = Some(16 << 30);
    }
    model.take(sample, &[]);
    assert!(has_root(&model));
}

#[test]
fn the_cursor_stays_on_its_cgroup_and_on_the_screen() {
    let mut model = model(Listing::default());
    press(&mut model, &[Key::Down, Key::Char('j')]);
    let before = at(&model);
    press(&mut model, &[Key::F(6)]);
    assert_eq!(at(&model), before);
    model.take(sample(42), &[]);
    assert_eq!(at(&model), before);
    press(&mut model, &[Key::End]);
    assert_eq!(model.cursor + 1, model.rows.len());
    assert!(model.tops[0] + 8 > model.cursor);
    press(&mut model, &[Key::Home]);
    assert_eq!((model.cursor, model.tops[0]), (0, 0));
    press(&mut model, &[Key::PageDown]);
    assert_eq!(model.cursor, 8);
    press(&mut model, &[Key::Up; 20]);
    assert_eq!(model.cursor, 0);
}

#[test]
fn a_chosen_cgroup_tells_who_would_die_in_it() {
    let mut model = model(Listing::default());
    assert_eq!(model.victims().domain, Domain::Machine);
    press(&mut model, &[Key::Enter]);
    assert_eq!(model.victims().domain, Domain::Cgroup("/system.slice/app.service".into()));
    let pids: Vec<_> = model.victims().ranked.iter().map(|it| it.task.pid).collect();
    // By what its adj adds, the second largest dies first.
    assert_eq!(pids, [4712, 4711, 4713]);
    press(&mut model, &[Key::Enter]);
    assert_eq!(model.victims().domain, Domain::Machine);
    press(&mut model, &[Key::Enter, Key::Escape]);
    assert!(model.chosen.is_none());
}

#[test]
fn one_that_is_chosen_and_gone_is_no_failure() {
    let mut model = model(Listing::default());
    press(&mut model, &[Key::Enter]);
    model.take(Sample::default(), &[]);
    assert_eq!((model.rows.len(), model.cursor), (0, 0));
    assert_eq!(model.victims().ranked, []);
    assert_eq!(model.victims().domain, Domain::Gone("/system.slice/app.service".into()));
    press(&mut model, &[Key::Down, Key::Enter, Key::Char(' '), Key::PageUp, Key::Tab, Key::Down]);
    model.take(sample(60), &[]);
    assert_eq!(model.rows.len(), 10);
}

#[test]
fn what_is_typed_is_looked_for_at_once_and_may_be_given_up() {
    let mut model = model(Listing::default());
    press(&mut model, &[Key::Char('/')]);
    press(&mut model, &typed("NGINXq"));
    assert_eq!(model.rows.len(), 0);
    press(&mut model, &[Key::Backspace]);
    assert_eq!(model.rows.len(), 1);
    press(&mut model, &[Key::Enter]);
    assert_eq!((model.rows.len(), model.edit.is_none()), (1, true));
    press(&mut model, &[Key::Escape]);
    assert_eq!(model.rows.len(), 10);
    press(&mut model, &[Key::Char('/')]);
    assert_eq!(press(&mut model, &[Key::Ctrl('c')]), Effect::Quit);
}

#[test]
fn the_tree_folds_and_keeps_the_cursor() {
    let mut model = model(Listing::default());
    press(&mut model, &[Key::F(5), Key::Home]);
    assert_eq!(at(&model), "/");
    press(&mut model, &[Key::Down]);
    let all = model.rows.len();
    press(&mut model, &[Key::Char('-')]);
    assert!(model.rows.len() < all && model.rows[model.cursor].folded > 0);
    press(&mut model, &[Key::Char('+')]);
    assert_eq!(model.rows.len(), all);
    press(&mut model, &[Key::Char(' '), Key::Char(' ')]);
    assert_eq!(model.rows.len(), all);
}

#[test]
fn keys_of_the_view_itself() {
    let mut model = model(Listing::default());
    assert_eq!(press(&mut model, &[Key::Char('q')]), Effect::Quit);
    assert_eq!(press(&mut model, &[Key::Ctrl('z')]), Effect::Suspend);
    assert_eq!(press(&mut model, &[Key::Ctrl('l')]), Effect::Redraw);
    press(&mut model, &[Key::Char('p')]);
    assert!(model.is_paused);
    press(&mut model, &[Key::Char('d'), Key::Char('5'), Key::Enter]);
    assert_eq!(model.interval, Duration::from_secs(5));
    // In the help `q` leads back, Ctrl-C ends all.
    press(&mut model, &[Key::F(1), Key::Down]);
    assert!(model.shows_help && model.help_top == 1);
    assert_eq!(press(&mut model, &[Key::Char('q')]), Effect::Nothing);
    assert!(!model.shows_help);
    assert_eq!(press(&mut model, &[Key::Char('?'), Key::Ctrl('c')]), Effect::Quit);
}

#[test]
fn each_pane_is_moved_by_itself() {
    let mut model = model(Listing::default());
    press(&mut model, &[Key::Tab, Key::Down, Key::Down]);
    assert_eq!((model.pane, model.tops, model.cursor), (Pane::Victims, [0, 2, 0], 0));
    press(&mut model, &[Key::End]);
    assert_eq!(model.tops[1], model.victims().ranked.len() - 4);
    press(&mut model, &[Key::Tab, Key::BackTab, Key::BackTab]);
    assert_eq!(model.pane, Pane::Cgroups);
}
