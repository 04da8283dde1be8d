use std::collections::HashMap;

use jiff::tz::TimeZone;

use super::testdata::{agent, at, collected, exit, kill, record};
use super::timeline::Bar;
use super::{Report, html, text};
use crate::incident::model::{AgentEvent, Cgroup, Container, OomKill, Pod, Record, Victim, Why};
use crate::render::{Style, fixtures};
use crate::text::acts;

const DAY: i64 = 24 * 60;

/// Two hosts: a unit that is killed faster and faster, another twice, and one that dies once.
fn fleet() -> Vec<Record> {
    let app = [0, 4 * DAY, 8 * DAY, 10 * DAY, 11 * DAY].map(|at| kill("db1", "app.service", at));
    let twice = [DAY, 5 * DAY].map(|at| kill("db2", "app.service", at));
    let once = kill("db2", "cron.service", 11 * DAY);
    let exits: Vec<_> =
        app.iter().zip([5, 12, 40]).map(|(kill, ms)| exit(kill, Some(ms))).collect();
    let stuck = exit(&once, None);
    let kills = app.into_iter().chain(twice).chain([once]).map(record);
    kills.chain(exits).chain([stuck]).collect()
}

fn report(whole: usize, records: impl IntoIterator<Item = Record>) -> Report {
    collected(whole, records).report(TimeZone::UTC)
}

fn told(report: &Report) -> String {
    let mut out = Vec::new();
    text::render(report, Style { width: 80, ..Style::default() }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn page(report: &Report) -> String {
    let mut out = Vec::new();
    html::render(report, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_terminal_is_told_what_matters_first() {
    let told = told(&report(0, fleet()));
    let expected = include_str!("golden.text");
    assert!(told == expected, "{told}");
}

/// By which the next page may take its place.
#[test]
fn a_page_says_at_its_beginning_whose_it_is() {
    assert!(page(&report(0, [])).as_bytes().starts_with(html::BEGINNING));
}

#[test]
fn a_group_is_one_kill_and_what_comes_twice_counts_once() {
    let first = OomKill { victim_count: 3, ..kill("db1", "app.service", 0) };
    let other = |tid: u32, index: u32| OomKill {
        victim_index: index,
        victim: Victim { pid: Some(tid), tid, ..first.victim.clone() },
        ..first.clone()
    };
    let group = [first.clone(), other(158, 2), other(159, 3), first.clone()].map(record);
    let report = report(9, group);
    assert_eq!((report.incidents(), report.kills(), report.killed()), (1, 1, 3));
    assert!(page(&report).contains("worker (pid 158, 500.0 MiB), worker (pid 159, 500.0 MiB)"));
}

#[test]
fn without_a_time_two_of_a_name_are_two() {
    let mut one = kill("db1", "app.service", 0);
    (one.origin.time, one.origin.boot_id) = (None, None);
    let report = report(0, [one.clone(), one].map(record));
    assert_eq!(report.kills(), 2);
    assert!(told(&report).contains("2 kills have no time of day"), "{}", told(&report));
}

#[test]
fn victims_of_which_only_the_end_is_known_are_told_of() {
    let ends = (1..=5).map(|tid| {
        let Record::OomExit(mut end) = exit(&kill("db1", "app.service", 0), Some(5)) else {
            unreachable!()
        };
        (end.incident, end.tid, end.kill_missing) = (format!("end-{tid}"), tid, true);
        Record::OomExit(end)
    });
    let told = told(&report(0, [record(kill("db1", "app.service", 1))].into_iter().chain(ends)));
    assert!(told.contains("5 more processes were killed; the log has only their end"), "{told}");
}

#[test]
fn a_victim_that_was_exiting_is_no_kill() {
    let marked = OomKill {
        outcome: Some(crate::incident::model::Outcome::AlreadyExiting),
        ..kill("db1", "app.service", 0)
    };
    let report = report(0, [record(marked)]);
    assert_eq!((report.kills(), report.only_marked(), report.repeats.len()), (0, 1, 0));
}

#[test]
fn the_same_advice_is_given_once() {
    let why = Why { summary: "no swap".into(), hints: vec!["add swap".into()] };
    let with = |unit, at| OomKill { why: Some(why.clone()), ..kill("db1", unit, at) };
    let report = report(0, [with("a.service", 0), with("b.service", 1)].map(record));
    assert_eq!(told(&report).matches("add swap").count(), 1);
    assert!(told(&report).contains("the same is true of 1 other place"));
}

#[test]
fn without_a_kill_both_say_so() {
    let report = report(9, []);
    assert_eq!(told(&report), "No OOM kill\n");
    assert!(page(&report).contains("<h1><bdi>No OOM kill</bdi></h1>"));
}

#[test]
fn a_kill_is_of_the_machine_it_was_on() {
    let repeats = report(0, fleet()).repeats;
    let named: Vec<_> =
        repeats.iter().map(|it| (&*it.who, it.host.as_deref().unwrap(), it.times)).collect();
    assert_eq!(named, [("app.service", "db1", 5), ("app.service", "db2", 2)]);
}

/// A kill whose every name wants to be markup.
fn hostile() -> OomKill {
    let evil = "\"><script>alert(1)</script><img src=x onerror='a'>\u{202e}</pre></title>&lt;";
    let base = kill(evil, evil, 0);
    let text = || Some(evil.to_owned());
    OomKill {
        incident: evil.into(),
        victim: Victim {
            comm: Some(b"<script>\xff\xe2\x80\xae'\"".into()),
            argv: Some(vec![evil.into(), b"\xff<b>".into()]),
            user: text(),
            container: Some(Container {
                id: evil.into(),
                runtime: text(),
                name: text(),
                image: text(),
            }),
            pod: Some(Pod {
                uid: evil.into(),
                namespace: text(),
                name: text(),
                container: text(),
                qos: text(),
            }),
            ..base.victim
        },
        group: Some(evil.into()),
        why: Some(Why { summary: evil.into(), hints: vec![evil.into()] }),
        ..base
    }
}

/// All records that there are, and worse.
fn all() -> Vec<Record> {
    let mut more = hostile();
    more.origin.time = Some(at(3 * DAY));
    more.incident.push('2');
    let fixtures = fixtures::all().into_iter().map(|(_, record)| record);
    fixtures.chain([hostile(), more].map(record)).chain(fleet()).collect()
}

/// The names of a page's elements, as a browser would take them: of each `<`, what follows.
fn tags(page: &str) -> HashMap<&str, usize> {
    let mut tags = HashMap::new();
    for part in page.split('<').skip(1) {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && !"/!".contains(c));
        *tags.entry(part.get(..end.unwrap_or(part.len())).unwrap()).or_default() += 1;
    }
    tags
}

#[test]
fn no_name_becomes_markup_or_moves_what_stands_beside_it() {
    // The script is ours, and compares.
    let page = page(&report(100, all())).replace(html::SCRIPT, "");
    let known = "! a abbr article b bdi body caption col colgroup dd details div dl dt em figcaption figure form h1 h2 h3 h4 \
                 head header html input label li main meta nav ol output p pre rect script section small \
                 span style summary svg table tbody td tfoot th thead title tr ul !doctype";
    let known: Vec<_> = known.split_whitespace().collect();
    for (tag, count) in tags(&page) {
        let tag = tag.strip_prefix('/').unwrap_or(tag);
        assert!(known.contains(&tag), "{count} of <{tag}>");
    }
    assert_eq!((tags(&page)["script"], page.matches("<style").count()), (1, 1));
    let acting = page.replace('\n', "").chars().find(|character| acts(*character));
    assert_eq!(acting, None);
    // Text of an attribute can end at its quote only.
    assert!(!page.contains("\"><script") && !page.contains(" onerror='"));
    assert!(page.contains("&lt;script&gt;\\xff\\u{202e}&#39;&quot;"));
    let told = told(&report(0, all()));
    assert_eq!(told.replace('\n', "").chars().find(|character| acts(*character)), None);
}

#[test]
fn the_page_asks_for_nothing_and_styles_nothing_by_attribute() {
    let page = page(&report(100, fleet()));
    for needs in ["http:", "https:", "src=", "url(", "@import", " style=", "<link", "<iframe"] {
        assert!(!page.contains(needs), "{needs}");
    }
    assert!(page.find("Content-Security-Policy").unwrap() < page.find("<style>").unwrap());
}

#[test]
fn each_link_has_its_place_and_each_incident_one() {
    let page = page(&report(3, all()));
    let values = |key: &str| -> Vec<&str> {
        page.split(key).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
    };
    let ids = values(" id=\"");
    for id in &ids {
        assert_eq!(ids.iter().filter(|other| other == &id).count(), 1, "{id}");
    }
    let links = values(" href=\"#").into_iter();
    let links = links.chain(values(" aria-labelledby=\"")).chain(values(" for=\""));
    for link in links {
        assert!(ids.contains(&link), "{link}");
    }
    let rows = page.matches("<tr id=\"k-").count() + page.matches("<article id=\"k-").count();
    assert_eq!(rows, report(3, all()).incidents());
    assert_eq!(page.matches("<article").count(), 3);
    assert!(page.contains("Details of the newest 3 are below"));
}

#[test]
fn of_thousands_each_has_a_short_line() {
    let kills = (0..2000).map(|at| record(kill("db1", "app.service", at * 7)));
    let page = page(&report(0, kills));
    assert_eq!(page.matches("<tr id=\"k-").count(), 2000);
    assert!(page.len() < 1_200_000, "{}", page.len());
    assert!(!page.contains("<article"));
}

#[test]
fn a_limit_is_told_with_who_hit_it_if_that_is_one() {
    let other =
        Victim { comm: Some("other".into()), ..kill("db1", "app.service", 0).victim.clone() };
    let mut unknown = kill("db1", "cron.service", 2);
    unknown.shortage.limit = None;
    let both = OomKill { victim: other, ..kill("db1", "app.service", 1) };
    let report = report(0, [kill("db1", "app.service", 0), both, unknown].map(record));
    let told = told(&report);
    assert!(told.contains("  /system.slice/app.service\n"), "{told}");
    assert!(told.contains("  an unknown memory cgroup (worker)\n"), "{told}");
}

#[test]
fn an_arrow_is_explained_where_there_is_one() {
    let legend = "An arrow leads from";
    assert!(page(&report(0, fleet())).contains(legend));
    assert!(
        !page(&report(0, [0, 5].map(|at| record(kill("db1", "a.service", at))))).contains(legend)
    );
}

/// As `oom-trace trigger` causes one.
fn test(minutes: i64) -> OomKill {
    let mut test = kill("db1", "test.service", minutes);
    test.victim.cgroup = Some(Cgroup { path: "/oom-trace-trigger-7".into(), id: None });
    test
}

#[test]
fn a_test_is_counted_and_listed_and_nothing_is_to_be_done_about_it() {
    let of = |unit: &str, at| record(kill("db1", unit, at));
    let report = report(0, (0..3).map(|at| record(test(at))).chain([of("app.service", 9)]));
    assert_eq!((report.kills(), report.tests(), report.repeats.len()), (1, 3, 0));
    assert_eq!(
        report.groups.iter().flat_map(|group| &group.rows).map(|(_, count)| count).max(),
        Some(&1)
    );
    assert_eq!(report.timeline(50).unwrap().bars.iter().map(Bar::sum).sum::<u64>(), 1);
    let todo: Vec<_> = report.todo.iter().map(|todo| &*todo.place.who).collect();
    assert_eq!(todo, ["app.service"]);
    let told = told(&report);
    assert!(told.contains("\nnot counted: 3 tests (oom-trace trigger or --demo)\n"), "{told}");
    let page = page(&report);
    assert!(page.contains("<p>Not counted: 3 tests (oom-trace trigger or --demo)"), "{page}");
    assert_eq!(page.matches("<tr id=\"k-").count(), 4);
    assert_eq!(page.matches("<em>a test</em>").count(), 3);
}

/// As one has it who tries it out.
#[test]
fn a_report_of_tests_alone_is_about_them() {
    let told = told(&report(0, (0..3).map(|at| record(test(at)))));
    assert!(told.starts_with("3 OOM kills on db1, "), "{told}");
    assert!(told.contains("\nall of them were tests (oom-trace trigger or --demo)\n"), "{told}");
}

/// One log names its machine, and the other does not.
#[test]
fn hosts_without_a_name_are_told_of() {
    let mut nameless = kill("db1", "b.service", 1);
    nameless.origin.host = None;
    let told = told(&report(0, [record(kill("db1", "a.service", 0)), record(nameless)]));
    assert!(told.starts_with("2 OOM kills on db1 and on hosts that are not named, "), "{told}");
}

#[test]
fn what_there_is_no_room_for_is_counted() {
    let of = |count| {
        let units = (0..count).map(|at| record(kill("db1", &format!("{at}.service"), at)));
        report(0, units)
    };
    assert!(!told(&of(5)).contains(" more: "), "{}", told(&of(5)));
    let seven = told(&of(7));
    assert!(seven.contains("\n  and 2 more: --html FILE writes a page with all\n"), "{seven}");
    assert_eq!(page(&of(7)).matches("<p class=\"why\">").count(), 7);
    let twelve = told(&of(12));
    assert!(twelve.contains("\n  and 7 more: --html FILE writes a page with 10\n"), "{twelve}");
    assert!(page(&of(12)).contains("And 2 more, at the incidents below."));
}

#[test]
fn advice_has_one_label_and_what_else_can_be_done_stands_below() {
    let hints = ["look for a leak", "or raise the limit"].map(str::to_owned).to_vec();
    let why = Some(Why { summary: "it was full".into(), hints });
    let told = told(&report(0, [record(OomKill { why, ..kill("db1", "a.service", 0) })]));
    assert!(told.contains("     try  look for a leak\n          or raise the limit\n"), "{told}");
}

#[test]
fn both_tell_when_no_agent_watched() {
    let said = [
        agent(AgentEvent::Started, 0, 0),
        agent(AgentEvent::Stopped, 10, 1),
        agent(AgentEvent::Started, 20, 1),
    ];
    let said = said.map(|agent| Record::Agent(Box::new(agent)));
    let report = report(0, said.into_iter().chain([record(kill("db1", "a.service", 5))]));
    let gap = "not from 2026-11-01 00:40:00 to 2026-11-01 00:50:00 (10m 0s)";
    assert!(page(&report).contains(gap));
    let told = told(&report).replace('\n', " ");
    assert!(told.contains(gap), "{told}");
}

#[test]
fn a_column_of_which_nothing_is_known_is_left_out() {
    let end = |kill: &OomKill| exit(kill, Some(5));
    let kill = kill("db1", "a.service", 0);
    let without = page(&report(0, [record(kill.clone())]));
    assert!(!without.contains("Freed after") && !without.contains("class=\"back\""));
    assert!(without.contains("1.8fr 5rem 5rem 4.5rem .8fr}"));
    let with = page(&report(0, [record(kill.clone()), end(&kill)]));
    assert!(with.contains("Freed after</th>") && with.contains("class=\"back\" data-v=\"5\""));
    assert!(with.contains("1.8fr 5rem 5rem 5rem 4.5rem .8fr}"));
    let mut bare = kill;
    (bare.victim.unit, bare.victim.cgroup, bare.origin.host) = (None, None, None);
    bare.shortage.scope = None;
    bare.shortage.limit = None;
    let bare = page(&report(0, [record(bare)]));
    for left_out in ["Where", "Whose limit", "Limit", "Host"] {
        assert!(!bare.contains(&format!(">{left_out}</th>")), "{left_out}");
    }
}

/// Pages of files may be charged elsewhere: with them it held more than was used.
#[test]
fn of_a_limit_the_victims_part_is_its_anonymous_memory() {
    let bar = |anon: Option<u64>| {
        let mut kill = kill("db1", "a.service", 0);
        kill.victim.memory.anon_rss_bytes = anon;
        kill.victim.memory.file_rss_bytes = Some(40 << 20);
        let page = page(&report(1, [record(kill)]));
        let bar = page.split("<ol class=\"levels\">").nth(1).unwrap();
        let bar = bar.split("</ol>").next().unwrap().to_owned();
        (bar, page.contains("the victim's anonymous memory"))
    };
    let (most, legend) = bar(Some(508 << 20));
    assert!(most.contains("class=\"anon\" x=\"0.00%\" width=\"99.22%\""), "{most}");
    assert!(most.contains("class=\"rest\" x=\"99.22%\" width=\"0.78%\"") && legend, "{most}");
    let (all, legend) = bar(Some(600 << 20));
    assert!(all.contains("width=\"100.00%\"") && !all.contains("rest") && legend, "{all}");
    let (unknown, legend) = bar(None);
    assert!(unknown.contains("class=\"rest\"") && !legend, "{unknown}");
}
