//! Dumps in the words of kernels that are not tested live, and of machines of 32 bits.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::cases::parse;

/// What each says, by the place in its record.
fn expected() -> [(&'static str, Vec<(&'static str, Value)>); 3] {
    [
        (
            "2.6.32-el6",
            vec![
                ("/kernel", json!("2.6.32-431.el6.x86_64")),
                ("/host", json!("web1")),
                ("/trigger/tid", json!(2345)),
                ("/trigger/gfp_mask", json!("0x280da")),
                ("/chosen/score", json!(915)),
                ("/victim/pid", json!(2345)),
                ("/victim/uid", json!(500)),
                ("/victim/oom_score_adj", json!(0)),
                ("/victim/memory/anon_rss_bytes", json!(3_670_616_u64 * 1024)),
                ("/victim/memory/shmem_rss_bytes", Value::Null),
                ("/totalpages", json!(1_048_560 - 67_634)),
                ("/system/zones/1/min_bytes", json!(50_372 * 1024)),
                ("/system/zones/1/lowmem_reserve/2", json!(1010)),
                ("/system/zones/0/free_blocks/10/count", json!(3)),
                ("/system/counters/unstable", json!(0)),
                ("/candidates/total", json!(2)),
                ("/candidates/top/1/oom_score_adj", json!(-1000)),
            ],
        ),
        (
            "4.9",
            vec![
                ("/nodemask", json!("0")),
                ("/trigger/gfp_flags", json!(["GFP_HIGHUSER_MOVABLE", "__GFP_ZERO"])),
                ("/chosen/score", json!(880)),
                ("/victim/pid", json!(1201)),
                ("/victim/uid", json!(106)),
                ("/victim/memory/shmem_rss_bytes", json!(0)),
                ("/candidates/top/0/badness", json!(110_304)),
                ("/system/node_counters/0/counters/pages_scanned", json!(3000)),
                ("/system/node_counters/0/counters/shmem_pmdmapped", json!(0)),
                ("/system/zones/0/free_blocks/0/types", json!("U")),
                ("/system/counters/highmem", json!(0)),
            ],
        ),
        (
            "5.10-arm32",
            vec![
                ("/page_size_bytes", json!(4096)),
                ("/hardware", json!("BCM2711")),
                ("/victim/unit", json!("kodi.service")),
                ("/victim/memory/swap_bytes", json!(12_000 * 4096)),
                ("/system/zones/0/node", Value::Null),
                ("/system/zones/0/name", json!("DMA")),
                ("/system/zones/1/name", json!("HighMem")),
                ("/system/zones/0/free_cma_bytes", json!(4800 * 1024)),
                ("/system/counters/highmem", json!(308_224)),
                ("/system/counters/cma_reserved", json!(65_536)),
                ("/system/node_counters/0/all_unreclaimable", json!(true)),
            ],
        ),
    ]
}

#[test]
fn what_old_and_small_kernels_say_is_told() {
    for (name, expected) in expected() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/old");
        let (records, found) = parse(&fs::read(folder.join(format!("{name}.log"))).unwrap());
        let kills: Vec<_> = records.iter().filter(|record| record["type"] == "oom_kill").collect();
        let [kill] = kills.as_slice() else { panic!("{name}: {records:#?}") };
        for (pointer, value) in expected {
            assert_eq!(kill.pointer(pointer), Some(&value), "{name}: {pointer}");
        }
        assert!(kill["why"]["summary"].is_string(), "{name}");
        assert_eq!(found.untold.count, 0, "{name}: {:?}", found.untold);
    }
}
