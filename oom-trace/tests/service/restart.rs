//! Killed, and started again.

use rustix::process::Signal;
use serde_json::Value;

use crate::here::{trigger, turn};
use crate::support::wait_for;
use crate::{Service, await_victims, in_file, once, victims};

/// What it saw it has; what happened meanwhile the kernel's log tells. Nothing is there twice.
#[test]
fn what_happened_while_no_agent_was_there_is_told_once() {
    let _turn = turn();
    let service = Service::new();
    let file = service.path("oom.json");
    let output = file.to_str().unwrap();
    let mut ours = Vec::new();
    for _ in 0..3 {
        let agent = service.start(&["--quiet", "--output", output]);
        ours.push(trigger());
        await_victims(&file, &ours);
        agent.signal(Signal::KILL);
        drop(agent);
        ours.push(trigger());
    }
    let agent = service.start(&["--quiet", "--output", output]);
    await_victims(&file, &ours);
    let stopped = agent.stop();
    // Others may have caused more.
    assert!(stopped.stderr.contains(" from before this start"), "{}", stopped.stderr);
    let stored = service.stored();
    assert_eq!(victims(&stored, &ours), once(&ours));
    let sources: Vec<_> = ours
        .iter()
        .map(|pid| {
            let own = stored.iter().find(|record| record["victim"]["tid"] == *pid).unwrap();
            own["source"] == "kernel_log"
        })
        .collect();
    let backfilled = |record: &Value| record["backfilled"] == true;
    assert!(stored.iter().filter(|it| backfilled(it)).all(|it| it["source"] == "kernel_log"));
    // Where there are no hooks at all, the log is the source of both.
    if !stopped.stderr.contains("attached by log") {
        assert_eq!(sources, [false, true].repeat(3));
    }
    // A record may come twice, but not be missing.
    assert!(victims(&in_file(&file), &ours).values().all(|count| *count >= 1));
}

/// At the first start on a machine, a pager is not told of the kills that the kernel's log has.
#[test]
fn who_is_to_be_woken_hears_of_nothing_from_before_the_start() {
    let _turn = turn();
    let service = Service::new();
    let before = trigger();
    let [pager, all] = ["pager.json", "all.json"].map(|name| service.path(name));
    let sink = |path: &std::path::Path, keys: &str| {
        let script = format!("cat >> {}", path.display());
        format!("exec:{{ command = [\"/bin/sh\", \"-c\", {script:?}], {keys} }}")
    };
    let (pager_sink, all_sink) =
        (sink(&pager, "name = \"pager\""), sink(&all, "name = \"all\", backfill = \"all\""));
    let agent = service.start(&["--quiet", "--sink", &pager_sink, "--sink", &all_sink]);
    await_victims(&all, &[before]);
    let after = trigger();
    await_victims(&pager, &[after]);
    agent.stop();
    let told = victims(&in_file(&pager), &[before, after]);
    assert_eq!((told[&before], told[&after]), (0, 1));
    let stored = service.stored();
    let of = |pid: u64| stored.iter().find(|record| record["victim"]["tid"] == pid).unwrap();
    assert_eq!(
        (&of(before)["backfilled"], &of(after)["backfilled"]),
        (&true.into(), &false.into())
    );
}

#[test]
fn a_report_knows_the_agent_that_runs_by_any_name_of_its_store() {
    let _turn = turn();
    let service = Service::new();
    let agent = service.start(&["--quiet"]);
    let report = |store: &str| {
        let mut command = service.command(&["report", store]);
        let output = command.current_dir(service.path("")).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let absolute = service.path("records.db").to_str().unwrap().to_owned();
    wait_for("it has not said that it is there", || report(&absolute).contains("An agent"));
    for name in ["records.db", "./records.db", &absolute] {
        assert!(report(name).contains("An agent has watched since"), "{name}: {}", report(name));
    }
    agent.stop();
    assert!(report("records.db").contains("An agent watched from"), "{}", report("records.db"));
}
