//! What Kubernetes says of kills whose line is in the kernel's log of the node, and not in this one:
//! `kubectl describe pod`, `kubectl get pods`, `kubectl get events`.

use jiff::fmt::rfc2822;

use super::find::Spoken;
use crate::incident::model::{Origin, Record, SCHEMA, Source, UserAction, UserKill, UserKillType};
use crate::kernel_log::scan::{has, split_once, utf8};
use crate::text::KernelText;

/// More are not kept.
const MOST: usize = 1024;

/// Reads what `kubectl` prints.
#[derive(Debug, Default)]
pub(super) struct Kubernetes {
    /// The pod that is described: its name, until its namespace is there.
    name: Option<String>,
    pod: Option<String>,
    /// Whether the next lines may tell when the last one that was killed had ended.
    awaits_end: bool,
    reported: Vec<UserKill>,
}

impl Kubernetes {
    /// Takes a line; whether it tells of a kill.
    pub(super) fn take(&mut self, spoken: &Spoken) -> bool {
        let text = spoken.text.trim_ascii();
        let field = split_once(text, ":").map(|(key, value)| (key, value.trim_ascii()));
        let name = self.name.take();
        match field {
            Some((b"Name", value)) => self.name = utf8(value),
            Some((b"Namespace", value)) => {
                let pod = name.zip(utf8(value)).map(|(name, space)| format!("{space}/{name}"));
                self.pod = pod.or(self.pod.take());
            }
            Some((b"Reason" | b"reason", b"OOMKilled")) => {
                self.report(spoken, self.pod.clone());
                self.awaits_end = true;
                return true;
            }
            Some((b"Finished", value)) if self.awaits_end => {
                self.awaits_end = false;
                let time = str::from_utf8(value).ok().and_then(|it| rfc2822::parse(it).ok());
                if let Some(kill) = self.reported.last_mut() {
                    kill.origin.time = time.map(|time| time.timestamp()).or(kill.origin.time);
                }
            }
            Some((b"Exit Code" | b"Started", _)) => {}
            _ => {
                self.awaits_end = false;
                return self.row(spoken, text);
            }
        }
        false
    }

    /// `web-0   0/1   OOMKilled   3 (20s ago)   5m`, or an event of a node.
    fn row(&mut self, spoken: &Spoken, text: &[u8]) -> bool {
        let is_event = has(text, b"SystemOOM") && has(text, b"System OOM encountered");
        if is_event {
            self.report(spoken, None);
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
        self.report(spoken, pod);
        true
    }

    fn report(&mut self, spoken: &Spoken, pod: Option<String>) {
        if self.reported.len() >= MOST {
            return;
        }
        self.reported.push(UserKill {
            schema: SCHEMA,
            kind: UserKillType::UserKill,
            incident: format!("log-{}", spoken.line),
            origin: Origin {
                time: spoken.stamp.time,
                time_guessed: spoken.stamp.time.and_then(|_| spoken.stamp.guessed.told()),
                boot_ns: None,
                boot_id: None,
                host: spoken.host.clone(),
                kernel: None,
            },
            source: Source::Log,
            by: "kubernetes".into(),
            action: UserAction::Reported,
            signal: None,
            pid: None,
            comm: None,
            uid: None,
            cgroup: None,
            pod,
            rss_bytes: None,
            swap_bytes: None,
            message: KernelText::from(spoken.text.trim_ascii()),
        });
    }

    /// All that was reported; where the log has the kernel's own lines, they tell more.
    pub(super) fn reported(&mut self) -> impl Iterator<Item = Record> {
        std::mem::take(&mut self.reported).into_iter().map(|kill| Record::UserKill(Box::new(kill)))
    }
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
