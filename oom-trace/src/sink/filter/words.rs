//! A filter as people read it.

use super::Filter;
use crate::incident::model::{Outcome, RecordType, Scope};

impl Filter {
    /// Which kills it takes, as it stands behind "kills": `of java in nginx.service`; `None` if all.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let Self {
            types,
            scope,
            outcome,
            cgroup,
            unit,
            namespace,
            pod,
            container,
            comm,
            uid,
            test,
        } = self;
        let mut parts = Vec::new();
        let mut add = |what: &str, all: Vec<&str>| {
            if !all.is_empty() {
                parts.push(format!("{what} {}", all.join(" or ")));
            }
        };
        let uid: Vec<_> = uid.iter().map(u32::to_string).collect();
        add("of", comm.iter().map(|it| it.text()).collect());
        add("of uid", uid.iter().map(String::as_str).collect());
        add("in", unit.iter().map(|it| it.text()).collect());
        add("in", cgroup.iter().map(|it| it.text()).collect());
        add("in namespace", namespace.iter().map(|it| it.text()).collect());
        add("in pod", pod.iter().map(|it| it.text()).collect());
        add("in container", container.iter().map(|it| it.text()).collect());
        add("of scope", scope.iter().copied().map(Scope::name).collect());
        add("of outcome", outcome.iter().copied().map(Outcome::name).collect());
        add("that are", test.iter().map(|it| if *it { "tests" } else { "not tests" }).collect());
        add("of type", types.iter().copied().map(RecordType::name).collect());
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_that_is_asked_for_is_named() {
        assert_eq!(Filter::default().words(), None);
        let filter = Filter {
            comm: vec!["java".parse().unwrap(), "node".parse().unwrap()],
            unit: vec!["nginx".parse().unwrap()],
            uid: vec![33],
            scope: vec![Scope::Memcg],
            test: vec![false],
            ..Filter::default()
        };
        assert_eq!(
            filter.words().unwrap(),
            "of java or node of uid 33 in nginx.service of scope memcg that are not tests"
        );
    }
}
