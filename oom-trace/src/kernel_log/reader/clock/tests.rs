use super::*;

fn read(text: &str) -> Option<(String, String, String)> {
    let (stamp, rest) = date(text.as_bytes(), &Zone::utc())?;
    let guessed = stamp.guessed.told().unwrap_or_default();
    let guessed = serde_json::to_string(&guessed).unwrap();
    Some((stamp.time?.to_string(), guessed, String::from_utf8(rest.to_vec()).unwrap()))
}

#[test]
fn the_year_is_the_last_in_which_it_can_have_been() {
    let zone = Zone::utc();
    let time = Time::new(6, 0, 1, 0).unwrap();
    let of = |month, day| Some(zone.yearless(month, day, time)?.time?.to_string());
    assert_eq!(of(11, 23).as_deref(), Some("2026-11-23T06:00:01Z"));
    assert_eq!(of(12, 31).as_deref(), Some("2025-12-31T06:00:01Z"));
    // 2026-11-24 has begun: in Tokyo it is nine hours old, and a clock may be fast.
    assert_eq!(of(11, 24).as_deref(), Some("2026-11-24T06:00:01Z"));
    assert_eq!(of(11, 26).as_deref(), Some("2025-11-26T06:00:01Z"));
    assert_eq!(of(2, 29).as_deref(), Some("2024-02-29T06:00:01Z"));
    assert_eq!(of(2, 30), None);
}

#[test]
fn the_first_hours_of_a_year_are_this_years() {
    let zone = Zone::new(TimeZone::UTC, "2026-12-31T20:00:00Z".parse().unwrap());
    let stamp = zone.yearless(1, 1, Time::new(5, 0, 0, 0).unwrap()).unwrap();
    assert_eq!(stamp.time.unwrap().to_string(), "2027-01-01T05:00:00Z");
}

#[test]
fn an_hour_that_comes_twice_goes_on_from_what_was_read_before() {
    let new_york = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap();
    let zone = Zone::new(new_york, "2026-11-24T00:00:00Z".parse().unwrap());
    let of = |hour, minute| {
        let time = Time::new(hour, minute, 0, 0).unwrap();
        let stamp = zone.yearless(11, 1, time).unwrap();
        assert_eq!((stamp.guessed.zone, stamp.guessed.year), (true, true));
        stamp.time.unwrap().to_string()
    };
    for (hour, minute, expected) in [
        (0, 59, "2026-11-01T04:59:00Z"),
        (1, 0, "2026-11-01T05:00:00Z"),
        (1, 59, "2026-11-01T05:59:00Z"),
        (1, 0, "2026-11-01T06:00:00Z"),
        (1, 59, "2026-11-01T06:59:00Z"),
        (2, 0, "2026-11-01T07:00:00Z"),
    ] {
        assert_eq!(of(hour, minute), expected, "{hour}:{minute}");
    }
    let time = Date::new(2026, 11, 1).unwrap().at(1, 30, 0, 0);
    let named = |name: &str| zone.named(time, name.as_bytes()).unwrap().time.unwrap().to_string();
    assert_eq!(
        (named("EDT"), named("EST")),
        ("2026-11-01T05:30:00Z".into(), "2026-11-01T06:30:00Z".into())
    );
}

#[test]
fn dates_of_all_loggers() {
    let (zone, both) = (r#"["zone"]"#, r#"["zone","year"]"#);
    for (text, time, guessed, rest) in [
        ("Nov 23 06:00:01 h a", "2026-11-23T06:00:01Z", both, "h a"),
        ("Nov  3 06:00:01.250000 h a", "2026-11-03T06:00:01.25Z", both, "h a"),
        ("июл 24 01:20:00 PC a", "2026-07-24T01:20:00Z", both, "PC a"),
        ("5月 29 01:20:00 PC a", "2026-05-29T01:20:00Z", both, "PC a"),
        ("5月 29 01时20分00秒 PC a", "2026-05-29T01:20:00Z", both, "PC a"),
        ("5월 05 01:20:00 PC a", "2026-05-05T01:20:00Z", both, "PC a"),
        ("May 5, 2024 @ 10:00:01.250 a", "2024-05-05T10:00:01.25Z", zone, "a"),
        ("dim. 19 avril 18:03:30 2026", "2026-04-19T18:03:30Z", zone, ""),
        ("05/May/2024:10:00:01 +0200 a", "2024-05-05T08:00:01Z", "[]", "a"),
        ("Mai 02 01:20:00 PC a", "2026-05-02T01:20:00Z", both, "PC a"),
        ("Mon May 13 10:10:27 2024 kern.warn a", "2024-05-13T10:10:27Z", zone, "kern.warn a"),
        ("2026-11-23T06:00:01Z h a", "2026-11-23T06:00:01Z", "[]", "h a"),
        ("2026-11-23T07:00:01+0100 h a", "2026-11-23T06:00:01Z", "[]", "h a"),
        ("2026-11-23T06:00:01,123456+00:00 a", "2026-11-23T06:00:01.123456Z", "[]", "a"),
        ("2026-11-23T06:00:01 h a", "2026-11-23T06:00:01Z", zone, "h a"),
        ("2024-05-13 10:10:27.123 h k: a", "2024-05-13T10:10:27.123Z", zone, "h k: a"),
        ("2024-05-13 10:10:27 +0200 h a", "2024-05-13T08:10:27Z", "[]", "h a"),
        ("Mon 2024-05-13 10:13:20 CEST h a", "2024-05-13T08:13:20Z", "[]", "h a"),
        ("Mon 2024-05-13 10:13:20 +03 h a", "2024-05-13T07:13:20Z", "[]", "h a"),
        ("Пн 2024-05-13 10:13:20 MSK h a", "2024-05-13T07:13:20Z", "[]", "h a"),
        ("1715588000.120001 h a", "2024-05-13T08:13:20.120001Z", "[]", "h a"),
        ("10-24 14:24:26.035  1310 a", "2026-10-24T14:24:26.035Z", both, " 1310 a"),
    ] {
        let expected = (time.to_owned(), guessed.to_owned(), rest.to_owned());
        assert_eq!(read(text), Some(expected), "{text}");
    }
    for other in [
        "memhog invoked oom-killer: x",
        "Out of memory: Killed",
        "2026-11-23 is a day",
        "oom-kill:constraint=CONSTRAINT_NONE",
        "12 pages RAM",
        "Nov 23 x",
        "",
    ] {
        assert_eq!(read(other), None, "{other}");
    }
}
