//! What the view shows: what was read, and what was asked for by keys.

use std::collections::HashMap;
use std::time::Duration;

use super::action::{self, Action};
use super::badness::{Domain, Victims, domain, victims};
use super::edit::{Edit, Edited};
use super::growth::Trend;
use super::help;
use super::keys::Key;
use super::kills::Kills;
use super::order::Standing;
use super::rows::{Listing, Row};
use super::sample::Sample;
use crate::incident::model::Record;
use crate::text::KernelText;

/// What has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Pane {
    #[default]
    Cgroups,
    Victims,
    Kills,
}

/// What follows from a key beyond the model itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Nothing,
    Quit,
    Suspend,
    Redraw,
}

/// What is known of a cgroup from before.
#[derive(Debug, Default)]
struct Past {
    inode: u64,
    trend: Trend,
    /// Kills when the view was started, or the cgroup came.
    kills: Option<u64>,
}

/// All that is shown.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) host: String,
    pub(super) interval: Duration,
    pub(super) sample: Sample,
    pub(super) listing: Listing,
    pub(super) rows: Vec<Row>,
    /// Cgroups that have a limit, of all that there are.
    pub(super) limited: usize,
    pub(super) machine: Victims,
    /// Of the cgroup that was chosen.
    pub(super) chosen: Option<(KernelText, Victims)>,
    pub(super) kills: Kills,
    pub(super) pane: Pane,
    pub(super) edit: Option<Edit>,
    pub(super) is_paused: bool,
    pub(super) shows_help: bool,
    pub(super) help_top: usize,
    /// Whether there are keys, and a cursor.
    pub(super) is_live: bool,
    /// Whether `/proc` hides processes of others.
    pub(super) hides_processes: bool,
    /// The row that has the cursor, and the cgroup in it once somebody has moved there.
    pub(super) cursor: usize,
    at: Option<KernelText>,
    /// The first row of each pane that is shown, and how many are.
    pub(super) tops: [usize; 3],
    pub(super) heights: [usize; 3],
    screen_height: usize,
    past: HashMap<KernelText, Past>,
    page: u64,
}

impl Model {
    pub(super) fn new(host: String, interval: Duration, listing: Listing, kills: Kills) -> Self {
        Self {
            host,
            interval,
            sample: Sample::default(),
            listing,
            rows: Vec::new(),
            limited: 0,
            machine: Victims::default(),
            chosen: None,
            kills,
            pane: Pane::default(),
            edit: None,
            is_paused: false,
            shows_help: false,
            help_top: 0,
            is_live: false,
            hides_processes: false,
            cursor: 0,
            at: None,
            tops: [0; 3],
            heights: [0; 3],
            screen_height: 0,
            past: HashMap::new(),
            page: u64::try_from(rustix::param::page_size()).unwrap_or(4096),
        }
    }

    /// What was read, and what came meanwhile.
    pub(super) fn take(&mut self, sample: Sample, came: &[Record]) {
        let is_first = self.sample.cgroups.is_empty();
        for cgroup in &sample.cgroups {
            let past = self.past.entry(cgroup.path.clone()).or_default();
            if past.inode != cgroup.inode {
                // Of one that came since, each kill is new.
                let kills = (!is_first).then_some(0);
                *past = Past { inode: cgroup.inode, kills, ..Past::default() };
            }
            // A cache of before, taken off what is used now, would look like growth.
            if let Some(held) = cgroup.held().filter(|_| cgroup.is_whole) {
                past.trend.push(sample.at, held);
            }
            past.kills = past.kills.or(cgroup.kills);
        }
        if self.past.len() > 2 * sample.cgroups.len() + 64 {
            let known: std::collections::HashSet<_> =
                sample.cgroups.iter().map(|it| &it.path).collect();
            self.past.retain(|path, _| known.contains(path));
        }
        came.iter().for_each(|record| self.kills.take(record, Some(sample.at)));
        self.machine = victims(&sample, Domain::Machine, self.page);
        self.sample = sample;
        self.weigh();
        self.list();
    }

    /// Chooses a cgroup, or none.
    pub(super) fn choose(&mut self, chosen: Option<KernelText>) {
        self.chosen = chosen.map(|path| (path, Victims::default()));
        self.weigh();
    }

    fn weigh(&mut self) {
        let Some((path, _)) = self.chosen.take() else { return };
        let found = victims(&self.sample, domain(&self.sample, &path), self.page);
        self.chosen = Some((path, found));
    }

    /// Makes the rows anew; the cursor stays on its cgroup.
    fn list(&mut self) {
        let all = self.sample.cgroups.iter().map(|cgroup| {
            let past = self.past.get(&cgroup.path);
            let before = past.and_then(|past| past.kills);
            let new_kills = cgroup.kills.zip(before).map(|(now, then)| now.saturating_sub(then));
            Standing {
                cgroup: cgroup.clone(),
                growth: past.and_then(|past| past.trend.per_minute()),
                new_kills: new_kills.unwrap_or(0),
            }
        });
        self.limited = self.sample.cgroups.iter().filter(|it| it.max.is_some()).count();
        self.rows = self.listing.rows(all.collect());
        if let Some(path) = &self.at {
            let place = self.rows.iter().position(|row| row.standing.cgroup.path == *path);
            self.cursor = place.unwrap_or(self.cursor);
        }
        self.cursor = self.cursor.min(self.rows.len().saturating_sub(1));
        self.fit();
    }

    /// The victims that are shown if there is room for those of one domain.
    pub(super) fn victims(&self) -> &Victims {
        self.chosen.as_ref().map_or(&self.machine, |(_, victims)| victims)
    }

    /// How many rows each pane shows: the cursor stays on the screen.
    pub(super) fn set_heights(&mut self, heights: [usize; 3], screen: u16) {
        self.heights = heights;
        self.screen_height = usize::from(screen);
        self.fit();
    }

    fn fit(&mut self) {
        let lens = [self.rows.len(), self.victims().ranked.len(), self.kills.rows.len()];
        for ((top, height), len) in self.tops.iter_mut().zip(self.heights).zip(lens) {
            *top = (*top).min(len.saturating_sub(height.max(1)));
        }
        let [top, ..] = &mut self.tops;
        let [height, ..] = self.heights;
        *top = (*top).min(self.cursor).max((self.cursor + 1).saturating_sub(height.max(1)));
    }

    /// The cgroups on the screen, and the one that is chosen: what is to be read first.
    pub(super) fn shown(&self) -> Vec<KernelText> {
        let ([top, ..], [height, ..]) = (self.tops, self.heights);
        let rows = self.rows.iter().skip(top).take(height.max(1));
        let paths = rows.map(|row| row.standing.cgroup.path.clone());
        paths.chain(self.chosen.iter().map(|(path, _)| path.clone())).collect()
    }

    /// A key was pressed.
    pub(super) fn press(&mut self, key: Key) -> Effect {
        if let Some(edit) = self.edit.take() {
            match edit.press(key) {
                Edited::Open(edit) => {
                    if let Edit::Filter { text, .. } = &edit {
                        self.listing.filter.clone_from(text);
                        self.list();
                    }
                    self.edit = Some(edit);
                }
                Edited::Filter(text) => {
                    self.listing.filter = text;
                    self.list();
                }
                Edited::Interval(interval) => self.interval = interval,
                Edited::Nothing => {}
                Edited::Quit => return Effect::Quit,
            }
            return Effect::Nothing;
        }
        let Some(action) = action::of(key) else {
            self.shows_help = false;
            return Effect::Nothing;
        };
        if self.shows_help {
            return self.press_in_help(action, key);
        }
        self.act(action)
    }

    /// It can be moved; any other key ends it.
    fn press_in_help(&mut self, action: Action, key: Key) -> Effect {
        let top = self.help_top;
        // One line is for how to leave it.
        let height = self.screen_height.saturating_sub(1).max(1);
        let page = isize::try_from(height).unwrap_or(1);
        let top = match action {
            Action::Move(by) => top.saturating_add_signed(by),
            Action::Page(by) => top.saturating_add_signed(by.saturating_mul(page)),
            Action::First => 0,
            Action::Last => help::LEN,
            Action::Suspend => return Effect::Suspend,
            Action::Redraw => return Effect::Redraw,
            Action::Quit if key != Key::Char('q') => return Effect::Quit,
            _ => {
                self.shows_help = false;
                0
            }
        };
        self.help_top = top.min(help::LEN.saturating_sub(height));
        Effect::Nothing
    }

    fn act(&mut self, action: Action) -> Effect {
        match action {
            Action::Quit => return Effect::Quit,
            Action::Suspend => return Effect::Suspend,
            Action::Redraw => return Effect::Redraw,
            Action::Move(by) => self.go(by),
            Action::Page(by) => {
                let [cgroups, victims, kills] = self.heights;
                let height = match self.pane {
                    Pane::Cgroups => cgroups,
                    Pane::Victims => victims,
                    Pane::Kills => kills,
                };
                self.go(by.saturating_mul(isize::try_from(height.max(1)).unwrap_or(1)));
            }
            Action::First => self.go(isize::MIN),
            Action::Last => self.go(isize::MAX),
            Action::Choose => {
                let row = self.rows.get(self.cursor).filter(|_| self.pane == Pane::Cgroups);
                if let Some(path) = row.map(|row| row.standing.cgroup.path.clone()) {
                    let is_chosen = self.chosen.as_ref().is_some_and(|it| it.0 == path);
                    self.at = Some(path.clone());
                    self.choose(Some(path).filter(|_| !is_chosen));
                }
            }
            Action::Back => {
                if self.chosen.is_some() {
                    self.choose(None);
                } else {
                    self.listing.filter.clear();
                    self.list();
                }
            }
            Action::ToggleTree => {
                self.listing.is_tree = !self.listing.is_tree;
                self.list();
            }
            Action::ToggleFold => self.fold(None),
            Action::Fold => self.fold(Some(true)),
            Action::Unfold => self.fold(Some(false)),
            Action::Sort(is_forward) => {
                self.listing.sort = self.listing.sort.step(is_forward);
                self.listing.is_reversed = false;
                self.list();
            }
            Action::Reverse => {
                self.listing.is_reversed = !self.listing.is_reversed;
                self.list();
            }
            Action::Filter => self.edit = Some(Edit::filter(&self.listing.filter)),
            Action::Delay => self.edit = Some(Edit::Interval(String::new())),
            Action::Help => self.shows_help = true,
            Action::Pause => self.is_paused = !self.is_paused,
            Action::NextPane(is_forward) => {
                self.pane = match (self.pane, is_forward) {
                    (Pane::Cgroups, true) | (Pane::Kills, false) => Pane::Victims,
                    (Pane::Victims, true) | (Pane::Cgroups, false) => Pane::Kills,
                    (Pane::Kills, true) | (Pane::Victims, false) => Pane::Cgroups,
                };
            }
        }
        self.fit();
        Effect::Nothing
    }

    /// Moves the cursor, or what is shown of the other panes.
    fn go(&mut self, by: isize) {
        let last = |len: usize| len.saturating_sub(1);
        match self.pane {
            Pane::Cgroups => {
                self.cursor = self.cursor.saturating_add_signed(by).min(last(self.rows.len()));
                let row = self.rows.get(self.cursor);
                self.at = row.map(|row| row.standing.cgroup.path.clone());
            }
            Pane::Victims | Pane::Kills => {
                let [_, victims, kills] = &mut self.tops;
                let top = if self.pane == Pane::Victims { victims } else { kills };
                *top = top.saturating_add_signed(by);
            }
        }
    }

    fn fold(&mut self, wanted: Option<bool>) {
        if !self.listing.is_tree || self.pane != Pane::Cgroups {
            return;
        }
        let Some(row) = self.rows.get(self.cursor) else { return };
        let path = row.standing.cgroup.path.clone();
        let folded = &mut self.listing.folded;
        let is_wanted = wanted.unwrap_or(!folded.contains(&path)) && row.has_children;
        if is_wanted {
            folded.insert(path.clone());
        } else {
            folded.remove(&path);
        }
        self.at = Some(path);
        self.list();
    }
}

#[cfg(test)]
mod tests;
