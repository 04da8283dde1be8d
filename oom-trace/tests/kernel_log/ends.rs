//! A dump of Red Hat's 7 whose lines lost their ends at the width of a screen: what is there is told.

use std::fs;

use crate::cases::{folder, parse};
use crate::cut::excess;

/// As `cut -c-80` leaves it.
fn cut(log: &str, width: usize) -> String {
    log.lines().map(|line| line.chars().take(width).collect::<String>() + "\n").collect()
}

#[test]
fn what_is_left_of_each_line_is_told() {
    let log = fs::read_to_string(folder().join("01-k8s-el7-dmesg-T.log")).unwrap();
    let (whole, _) = parse(log.as_bytes());
    for width in [72, 80, 90, 100, 120] {
        let (records, found) = parse(cut(&log, width).as_bytes());
        let [record] = records.as_slice() else { panic!("{width}: {records:#?}") };
        assert_eq!(record["victim"]["tid"], 28438, "{width}");
        assert_eq!(record["limit"]["max_bytes"], 536_870_912, "{width}");
        assert_eq!(record["candidates"]["total"], 1, "{width}");
        assert!(record["why"]["summary"].is_string(), "{width}: {:#}", record["why"]);
        assert_eq!(found.untold.count, 0, "{width}: {:?}", found.untold);
        for key in ["victim", "limit", "trigger", "candidates", "chosen", "scope"] {
            assert_eq!(excess(key, &record[key], &whole[0][key]), None, "{width}");
        }
    }
}
