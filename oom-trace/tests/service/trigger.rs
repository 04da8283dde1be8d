//! `trigger` beside an agent.

use rustix::process::Signal;

use crate::Service;
use crate::here::turn;

/// It says that the agent recorded the kill, or fails.
#[test]
fn it_waits_for_the_record_of_the_agent_that_runs() {
    let _turn = turn();
    let service = Service::new();
    let trigger = || {
        let output = service.command(&["trigger"]).output().unwrap();
        let [said, errors] =
            [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
        (output.status.code(), said, errors)
    };
    let agent = service.start(&["--quiet"]);
    let (status, said, errors) = trigger();
    let recorded = format!("the running agent (pid {}) recorded it: ", agent.pid());
    assert!(status == Some(0) && said.contains(&recorded), "{said}{errors}");

    agent.signal(Signal::STOP);
    let (status, _, errors) = trigger();
    agent.signal(Signal::CONT);
    assert!(status == Some(1) && errors.contains("has no record of process"), "{errors}");
    agent.stop();

    let (status, said, errors) = trigger();
    assert!(status == Some(0) && !said.contains("agent (pid"), "{said}{errors}");
}
