//! Killed, and started again.

use rustix::process::Signal;

use crate::here::{trigger, turn};
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
    // Where there are no hooks at all, the log is the source of both.
    if !stopped.stderr.contains("attached by log") {
        assert_eq!(sources, [false, true].repeat(3));
    }
    // A record may come twice, but not be missing.
    assert!(victims(&in_file(&file), &ours).values().all(|count| *count >= 1));
}
