//! The table of tasks.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Reader, lacking};

impl Reader<'_> {
    pub(super) fn row(&mut self, line: &str) {
        let words = line.replace(['[', ']'], " ");
        let mut words = words.split_whitespace();
        let mut row: BTreeMap<String, String> = BTreeMap::new();
        let Some((name, columns)) = self.columns.split_last() else {
            self.missing.push(format!("a row without a head: {line}"));
            return;
        };
        for column in columns {
            row.insert(column.clone(), words.next().unwrap_or_default().to_owned());
        }
        let rest: Vec<_> = words.collect();
        row.insert(name.clone(), rest.join(" "));
        self.rows.push(row);
    }

    /// A row is told of by itself, or in the sums of its name and of all.
    pub(super) fn table(&mut self) {
        let first = self.first;
        let candidates = &first["candidates"];
        let top = candidates["top"].as_array().into_iter().flatten();
        let told: Vec<_> = top.chain([&candidates["largest"]]).collect();
        let rows = std::mem::take(&mut self.rows);
        for row in &rows {
            let pid: u64 = row["tgid"].parse().unwrap();
            if let Some(one) = told.iter().find(|one| one["pid"] == pid) {
                let page = self.page;
                let numbers =
                    row.iter().filter(|(column, _)| *column != "name" && *column != "cpu");
                // Levels of page tables are counted apart, and told of together.
                let numbers = numbers.filter(|(column, _)| !column.starts_with("nr_"));
                for (column, number) in numbers {
                    let is_there = lacking(number, &[one], page).is_empty();
                    self.is(is_there, &format!("{row:?}"), column);
                }
            }
        }
        if rows.is_empty() {
            return;
        }
        let census = &first["census"];
        self.sum("all", &rows.iter().collect::<Vec<_>>(), &census["total"]);
        let mut by_name: BTreeMap<&str, Vec<&BTreeMap<String, String>>> = BTreeMap::new();
        for row in &rows {
            by_name.entry(&row["name"]).or_default().push(row);
        }
        for group in census["by_name"].as_array().into_iter().flatten() {
            let name = group["comm"].as_str().unwrap_or_default();
            let rows = by_name.remove(name).unwrap_or_default();
            self.sum(name, &rows, group);
        }
        let rest: Vec<_> = by_name.into_values().flatten().collect();
        if !rest.is_empty() {
            self.sum("the other names", &rest, &census["other_names"]);
        }
    }

    fn sum(&mut self, name: &str, rows: &[&BTreeMap<String, String>], sum: &Value) {
        let page = self.page;
        let mut check = |what: &str, expected: i64, is: &Value| {
            if is.as_i64() != Some(expected) {
                let missing = format!("census of {name}: {what} is {is} instead of {expected}");
                self.missing.push(missing);
            }
        };
        let column = |column: &str| -> Option<i64> {
            rows.iter().map(|row| row.get(column)?.parse::<i64>().ok()).sum()
        };
        let memory = &sum["memory"];
        check("processes", rows.len().try_into().unwrap(), &sum["processes"]);
        for (name, place, factor) in [
            ("total_vm", &memory["total_vm_bytes"], page),
            ("rss", &sum["rss_bytes"], page),
            ("rss_anon", &memory["anon_rss_bytes"], page),
            ("rss_file", &memory["file_rss_bytes"], page),
            ("rss_shmem", &memory["shmem_rss_bytes"], page),
            ("swapents", &memory["swap_bytes"], page),
            ("pgtables_bytes", &memory["pgtables_bytes"], 1),
        ] {
            if let Some(pages) = column(name) {
                check(name, pages * factor, place);
            }
        }
        let adj = rows.iter().filter_map(|row| row.get("oom_score_adj")?.parse::<i64>().ok());
        if let (Some(min), Some(max)) = (adj.clone().min(), adj.max()) {
            check("oom_score_adj", min, &sum["min_oom_score_adj"]);
            check("oom_score_adj", max, &sum["max_oom_score_adj"]);
        }
    }
}
