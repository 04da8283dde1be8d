//! What Kubernetes and container runtimes say of kills whose line is in the kernel's log of the node, and not in
//! this one: `kubectl describe pod`, `kubectl get` of pods and events in each of its forms, `crictl inspect`,
//! `docker inspect`.

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::find::Spoken;
use crate::incident::model::{Origin, Record, SCHEMA, Source, UserAction, UserKill, UserKillType};
use crate::kernel_log::Stamp;
use crate::kernel_log::scan::{has, split_once, utf8};
use crate::text::KernelText;

/// More are not kept.
const MOST: usize = 1024;

const KUBERNETES: &str = "kubernetes";

/// Reads what `kubectl` and others print.
#[derive(Debug, Default)]
pub(super) struct Kubernetes {
    /// The pod that is described: its name, until its namespace is there.
    name: Option<String>,
    pod: Option<String>,
    /// When the one that is described had ended, if that came first.
    ended: Option<Timestamp>,
    /// Whether the next lines may tell when the last one that was killed had ended.
    awaits_end: bool,
    reported: Vec<UserKill>,
}

/// A line that may say something of a pod or of a container.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    no: u64,
    stamp: Stamp,
    host: Option<&'a str>,
    text: &'a [u8],
}

impl<'a> Line<'a> {
    /// A member of an object, in JSON that has one a line.
    pub(super) fn member(no: u64, line: &'a [u8]) -> Option<Self> {
        let text = line.trim_ascii();
        let is_one = text.starts_with(b"\"") && has(text, b"\":");
        is_one.then_some(Self { no, stamp: Stamp::default(), host: None, text })
    }

    pub(super) fn is_member(&self) -> bool {
        Self::member(self.no, self.text).is_some()
    }
}

impl<'a> From<&'a Spoken> for Line<'a> {
    fn from(spoken: &'a Spoken) -> Self {
        let Spoken { line, stamp, host, text, .. } = spoken;
        Self { no: *line, stamp: *stamp, host: host.as_deref(), text: text.trim_ascii() }
    }
}

impl Kubernetes {
    /// Takes a line; whether it tells of a kill.
    pub(super) fn take(&mut self, line: Line<'_>) -> bool {
        let field = split_once(line.text, ":").map(|(key, value)| (bare(key), value.trim_ascii()));
        let opens = field.is_some_and(|(_, value)| matches!(value, b"" | b"{" | b"["));
        let field = field.map(|(key, value)| (key, bare(value)));
        let name = self.name.take();
        match field {
            Some((b"Name" | b"name" | b"io.kubernetes.pod.name", value)) => {
                self.name = utf8(value);
            }
            Some((b"Namespace" | b"namespace" | b"io.kubernetes.pod.namespace", value)) => {
                let pod = name.zip(utf8(value)).map(|(name, space)| format!("{space}/{name}"));
                self.pod = pod.or(self.pod.take());
            }
            Some((b"Reason" | b"reason", b"OOMKilled")) => {
                self.report_ended(line, KUBERNETES, self.pod.clone());
                return true;
            }
            Some((b"OOMKilled", b"true")) => {
                self.report_ended(line, "docker", None);
                return true;
            }
            Some((b"Finished" | b"finishedAt" | b"FinishedAt", value)) => {
                let time = time(value);
                match self.reported.last_mut().filter(|_| self.awaits_end) {
                    Some(kill) => kill.origin.time = time.or(kill.origin.time),
                    None => self.ended = time,
                }
                self.awaits_end = false;
            }
            // Another one begins.
            Some(_) if opens => (self.ended, self.awaits_end) = (None, false),
            Some(_) if line.is_member() => {}
            Some((b"Exit Code" | b"Started" | b"exitCode" | b"startedAt", _)) => {}
            _ => {
                self.awaits_end = false;
                return self.row(line);
            }
        }
        false
    }

    /// `web-0   0/1   OOMKilled   3 (20s ago)   5m`, or an event of a node.
    fn row(&mut self, line: Line<'_>) -> bool {
        let text = line.text;
        let is_event = has(text, b"SystemOOM") && has(text, b"System OOM encountered");
        if is_event {
            self.report(line, KUBERNETES, None, line.stamp.time);
            return true;
        }
        // With `--all-namespaces`, the namespace comes first.
        let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let words: Vec<_> = words.take(4).collect();
        let is_ready = |word: &[u8]| {
            split_once(word, "/").is_some_and(|(ready, all)| {
                let is_count = |it: &[u8]| !it.is_empty() && it.iter().all(u8::is_ascii_digit);
                is_count(ready) && is_count(all)
            })
        };
        let pod = match words.as_slice() {
            [pod, ready, b"OOMKilled" | b"Init:OOMKilled", ..] if is_ready(ready) => utf8(pod),
            [space, pod, ready, b"OOMKilled" | b"Init:OOMKilled"] if is_ready(ready) => {
                utf8(space).zip(utf8(pod)).map(|(space, pod)| format!("{space}/{pod}"))
            }
            _ => return false,
        };
        self.report(line, KUBERNETES, pod, line.stamp.time);
        true
    }

    /// Of one that has ended: when stands before or behind.
    fn report_ended(&mut self, line: Line<'_>, by: &str, pod: Option<String>) {
        let ended = self.ended.take();
        self.awaits_end = ended.is_none();
        self.report(line, by, pod, ended.or(line.stamp.time));
    }

    fn report(&mut self, line: Line<'_>, by: &str, pod: Option<String>, time: Option<Timestamp>) {
        if self.reported.len() >= MOST {
            return;
        }
        let Line { no, stamp, host, text } = line;
        let is_stamp = time.is_some() && time == stamp.time;
        self.reported.push(UserKill {
            schema: SCHEMA,
            kind: UserKillType::UserKill,
            incident: format!("log-{no}"),
            origin: Origin {
                time,
                time_guessed: is_stamp.then(|| stamp.guessed.told()).flatten(),
                boot_ns: None,
                boot_id: None,
                host: host.map(str::to_owned),
                kernel: None,
            },
            source: Source::Log,
            by: by.into(),
            action: UserAction::Reported,
            signal: None,
            pid: None,
            comm: None,
            uid: None,
            cgroup: None,
            pod,
            rss_bytes: None,
            swap_bytes: None,
            message: KernelText::from(text),
        });
    }

    /// All that was reported; where the log has the kernel's own lines, they tell more.
    pub(super) fn reported(&mut self) -> impl Iterator<Item = Record> {
        std::mem::take(&mut self.reported).into_iter().map(|kill| Record::UserKill(Box::new(kill)))
    }
}

/// Without the quotes and the comma of JSON.
fn bare(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    let text = text.strip_suffix(b",").unwrap_or(text);
    text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text)
}

/// As `kubectl describe` has it, and as JSON has it: there the year 1 stands for never.
fn time(value: &[u8]) -> Option<Timestamp> {
    let text = str::from_utf8(value).ok()?;
    let described = rfc2822::parse(text).ok().map(|time| time.timestamp());
    described.or_else(|| text.parse().ok()).filter(|time| *time > Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use crate::incident::model::{Record, UserAction, UserKill};
    use crate::kernel_log::reader::{Zone, read};
    use crate::kernel_log::{Machine, Parser};

    fn read_all(log: &str) -> Vec<Record> {
        let mut records = Vec::new();
        read(log.as_bytes(), Parser::new(Machine::default()), &Zone::utc(), |record| {
            records.push(record);
            Ok::<_, std::io::Error>(())
        })
        .unwrap();
        records
    }

    fn reported(log: &str) -> Vec<UserKill> {
        let of = |record| match record {
            Record::UserKill(kill) => *kill,
            other => panic!("{other:?}"),
        };
        read_all(log).into_iter().map(of).collect()
    }

    const POD: &str = "Name:             web-0\nNamespace:        shop\nPriority:         0\n\
                       Containers:\n  app:\n    State:          Running\n\
                       \x20     Started:      Thu, 07 Dec 2017 00:05:20 +0000\n\
                       \x20   Last State:     Terminated\n      Reason:       OOMKilled\n\
                       \x20     Exit Code:    137\n\
                       \x20     Started:      Thu, 07 Dec 2017 00:00:14 +0000\n\
                       \x20     Finished:     Thu, 07 Dec 2017 00:05:14 +0000\n\
                       \x20   Ready:          True\n";

    #[test]
    fn what_a_pods_description_says_is_not_the_kernels_word() {
        let [kill] = <[_; 1]>::try_from(reported(POD)).unwrap();
        assert_eq!((&*kill.by, kill.action), ("kubernetes", UserAction::Reported));
        assert_eq!(kill.pod.as_deref(), Some("shop/web-0"));
        assert_eq!(kill.origin.time.unwrap().to_string(), "2017-12-07T00:05:14Z");
        assert_eq!(kill.message.to_string(), "Reason:       OOMKilled");
    }

    const POD_JSON: &str = r#"{
    "items": [
        {
            "kind": "Pod",
            "metadata": {
                "name": "web-0",
                "namespace": "shop"
            },
            "status": {
                "containerStatuses": [
                    {
                        "lastState": {
                            "terminated": {
                                "exitCode": 137,
                                "finishedAt": "2026-11-20T03:14:15Z",
                                "reason": "OOMKilled",
                                "startedAt": "2026-11-20T03:10:00Z"
                            }
                        },
                        "name": "web",
                        "state": {
                            "running": {
                                "startedAt": "2026-11-20T03:14:30Z"
                            }
                        }
                    }
                ]
            }
        },
        {
            "kind": "Pod",
            "metadata": {
                "name": "web-1",
                "namespace": "shop"
            },
            "status": {
                "lastState": {
                    "terminated": {
                        "exitCode": 0,
                        "finishedAt": "2026-11-19T03:14:15Z",
                        "reason": "Completed"
                    }
                }
            }
        }
    ]
}
"#;

    const POD_YAML: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web-0\n  namespace: shop\n\
                            status:\n  containerStatuses:\n  - name: web\n    lastState:\n      terminated:\n\
                            \x20       exitCode: 137\n        finishedAt: \"2026-11-20T03:14:15Z\"\n\
                            \x20       reason: OOMKilled\n        startedAt: \"2026-11-20T03:10:00Z\"\n";

    #[test]
    fn a_pods_status_in_json_or_yaml_whole_or_in_one_line() {
        let value: serde_json::Value = serde_json::from_str(POD_JSON).unwrap();
        let indented = POD_JSON.replace("\n", "\n  ");
        for log in [POD_JSON, POD_YAML, &format!("{value}\n"), &indented] {
            let [kill] = <[_; 1]>::try_from(reported(log)).unwrap();
            assert_eq!((&*kill.by, kill.action), ("kubernetes", UserAction::Reported), "{log}");
            assert_eq!(kill.pod.as_deref(), Some("shop/web-0"), "{log}");
            let ended = kill.origin.time.map(|time| time.to_string());
            assert_eq!(ended.as_deref(), Some("2026-11-20T03:14:15Z"), "{log}");
        }
    }

    #[test]
    fn each_of_several_is_told() {
        let two = POD_JSON.replace("\"reason\": \"Completed\"", "\"reason\": \"OOMKilled\"");
        let value: serde_json::Value = serde_json::from_str(&two).unwrap();
        let second = POD.replace("web-0", "web-1").replace("00:05:14", "00:06:14");
        let yaml = [POD_YAML, &POD_YAML.replace("web-0", "web-1")].concat();
        for log in [two, format!("{value}\n"), [POD, &second].concat(), yaml] {
            let pods: Vec<_> = reported(&log).into_iter().map(|kill| kill.pod.unwrap()).collect();
            assert_eq!(pods, ["shop/web-0", "shop/web-1"], "{log}");
        }
    }

    #[test]
    fn what_a_runtime_keeps_of_a_container() {
        let state = |killed: bool| {
            format!(
                "[\n    {{\n        \"Id\": \"4f66ad9a\",\n        \"State\": {{\n            \
                 \"Status\": \"exited\",\n            \"OOMKilled\": {killed},\n            \
                 \"ExitCode\": 137,\n            \"Error\": \"\",\n            \"StartedAt\": \"2026-11-20T03:10:00Z\",\n            \
                 \"FinishedAt\": \"2026-11-20T03:14:15.5Z\"\n        }},\n        \"Name\": \"/web\"\n    }}\n]\n"
            )
        };
        let value: serde_json::Value = serde_json::from_str(&state(true)).unwrap();
        for log in [state(true), format!("{value}\n")] {
            let [kill] = <[_; 1]>::try_from(reported(&log)).unwrap();
            assert_eq!((&*kill.by, kill.action), ("docker", UserAction::Reported), "{log}");
            let ended = kill.origin.time.map(|time| time.to_string());
            assert_eq!(ended.as_deref(), Some("2026-11-20T03:14:15.5Z"), "{log}");
        }
        assert!(reported(&state(false)).is_empty());
        let running = state(true).replace("2026-11-20T03:14:15.5Z", "0001-01-01T00:00:00Z");
        let [kill] = <[_; 1]>::try_from(reported(&running)).unwrap();
        assert_eq!(kill.origin.time, None);
        let pod = r#"{"status":{"labels":{"io.kubernetes.pod.name":"web-0",
                     "io.kubernetes.pod.namespace":"shop"},"reason":"OOMKilled"}}"#;
        let [kill] = <[_; 1]>::try_from(reported(&pod.replace('\n', ""))).unwrap();
        assert_eq!(kill.pod.as_deref(), Some("shop/web-0"));
    }

    #[test]
    fn rows_of_pods_and_of_events() {
        for (row, pod) in [
            ("web-0   0/1     OOMKilled   3 (20s ago)   5m", Some("web-0")),
            ("shop    web-0   0/1     OOMKilled   3   5m", Some("shop/web-0")),
            ("3m   Warning   SystemOOM   node/a   System OOM encountered", None),
        ] {
            let log = format!("NAME   READY   STATUS   RESTARTS   AGE\n{row}\n");
            let [kill] = <[_; 1]>::try_from(reported(&log)).unwrap();
            assert_eq!((kill.action, kill.pod.as_deref()), (UserAction::Reported, pod), "{row}");
        }
        assert!(reported("web-0   1/1   Running   0   5m\nReason:   Completed\n").is_empty());
    }

    #[test]
    fn where_the_kernels_line_is_there_nothing_else_is_needed() {
        let event = "1s  Warning  OOMKilling  node/a  Memory cgroup out of memory: Killed process 7788 \
                     (bash) total-vm:7169492kB, anon-rss:7165824kB, file-rss:44kB, shmem-rss:0kB";
        let records = read_all(&format!("{POD}{event}\n"));
        let [Record::OomKill(kill)] = records.as_slice() else { panic!("{records:#?}") };
        assert_eq!(kill.victim.tid, 7788);
    }
}
