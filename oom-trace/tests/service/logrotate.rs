//! logrotate, as it comes and with `copytruncate`.

use std::path::PathBuf;
use std::process::Command;

use crate::here::{trigger, turn};
use crate::{Service, await_victims, in_file, victims};

fn logrotate() -> PathBuf {
    let path = PathBuf::from("/usr/sbin/logrotate");
    assert!(path.exists(), "no logrotate here: install Debian's package logrotate");
    path
}

#[test]
fn no_record_is_lost_between_two_files() {
    let _turn = turn();
    for way in ["create 0640", "copytruncate"] {
        let service = Service::new();
        let (file, old) = (service.path("oom.json"), service.path("oom.json.1"));
        let agent = service.start(&["--quiet", "--no-store", "--output", file.to_str().unwrap()]);
        let first = trigger();
        await_victims(&file, &[first]);
        let config = service.write(
            "logrotate.conf",
            &format!(
                "su root root\n{} {{\n  rotate 2\n  {way}\n  postrotate\n    kill -HUP {}\n  \
                 endscript\n}}\n",
                file.display(),
                agent.pid()
            ),
        );
        let mut rotate = Command::new(logrotate());
        rotate.arg("--force").arg("--state").arg(service.path("state")).arg(&config);
        let output = rotate.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let second = trigger();
        await_victims(&file, &[second]);
        assert_eq!(victims(&in_file(&old), &[first])[&first], 1, "{way}");
        assert_eq!(victims(&in_file(&file), &[first])[&first], 0, "{way}");
        agent.stop();
    }
}
