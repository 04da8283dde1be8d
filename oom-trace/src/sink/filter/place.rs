//! Whether something runs, or ran, where it is asked for.

use super::pattern::is_beginning;
use super::{ContainerPattern, Filter, NamePattern, PathPattern, UnitPattern, all_of, one_of};
use crate::incident::model::{Container, OomKill, Pod};
use crate::text::KernelText;

/// Where something runs, or ran, as far as that is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Whereabouts<'a> {
    /// Its cgroup: without that nobody knows, with it there is none of the others but those.
    pub cgroup: Option<&'a KernelText>,
    /// The cgroup whose limit was hit.
    pub limit: Option<&'a KernelText>,
    /// The innermost unit.
    pub unit: Option<&'a str>,
    /// The innermost slice.
    pub slice: Option<&'a str>,
    /// The container.
    pub container: Option<&'a Container>,
    /// The pod.
    pub pod: Option<&'a Pod>,
}

impl<'a> Whereabouts<'a> {
    /// Where a victim ran.
    #[must_use]
    pub fn of(kill: &'a OomKill) -> Self {
        let victim = &kill.victim;
        Self {
            cgroup: victim.cgroup.as_ref().map(|cgroup| &cgroup.path),
            limit: kill.shortage.limit.as_ref().and_then(|limit| limit.cgroup.as_ref()),
            unit: victim.unit.as_deref(),
            slice: victim.slice.as_deref(),
            container: victim.container.as_ref(),
            pod: victim.pod.as_ref(),
        }
    }

    fn is_in_cgroup(&self, pattern: &PathPattern) -> Option<bool> {
        match self.limit {
            Some(path) if pattern.fits(path) => Some(true),
            _ => self.cgroup.map(|path| pattern.fits(path)),
        }
    }

    /// At any level: who asks for a user's manager means what runs below it, too.
    fn is_in_unit(&self, pattern: &UnitPattern) -> Option<bool> {
        let units = [self.unit, self.slice];
        let any = units.iter().flatten().any(|unit| pattern.fits(unit))
            || self.cgroup.is_some_and(|path| pattern.fits_part(path));
        self.told((any || units.iter().any(Option::is_some)).then_some(any))
    }

    fn is_in_namespace(&self, pattern: &NamePattern) -> Option<bool> {
        match self.pod {
            Some(pod) => pod.namespace.as_deref().map(|name| pattern.fits(name)),
            None => self.told(None),
        }
    }

    /// By its name alone, or with its namespace; of some only the uid is known.
    fn is_in_pod(&self, pattern: &NamePattern) -> Option<bool> {
        let Some(pod) = self.pod else { return self.told(None) };
        if pattern.fits(&pod.uid) || is_beginning(pattern.text(), &pod.uid) {
            return Some(true);
        }
        let name = pod.name.as_deref()?;
        if !pattern.text().contains('/') {
            return Some(pattern.fits(name));
        }
        Some(pattern.fits(&pod.full_name()?))
    }

    fn is_in_container(&self, pattern: &ContainerPattern) -> Option<bool> {
        match self.container {
            Some(container) => pattern.fits(container),
            None => self.told(None),
        }
    }

    fn told(&self, name: Option<bool>) -> Option<bool> {
        name.or(self.cgroup.map(|_| false))
    }
}

impl Filter {
    /// Whether it is at one of the places that are asked for; `None` if that is not known.
    #[must_use]
    pub fn fits_place(&self, at: &Whereabouts<'_>) -> Option<bool> {
        all_of(&[
            one_of(&self.cgroup, |it| at.is_in_cgroup(it)),
            one_of(&self.unit, |it| at.is_in_unit(it)),
            one_of(&self.namespace, |it| at.is_in_namespace(it)),
            one_of(&self.pod, |it| at.is_in_pod(it)),
            one_of(&self.container, |it| at.is_in_container(it)),
        ])
    }

    /// Each place that is asked for, with what it is called, on its own.
    #[must_use]
    pub fn places(&self) -> Vec<(String, Self)> {
        let Self { cgroup, unit, namespace, pod, container, .. } = self;
        let none = Self::default;
        let mut places = Vec::new();
        let mut add =
            |kind: &str, name: &str, alone| places.push((format!("{kind} {name}"), alone));
        for it in cgroup {
            add("cgroup", it.text(), Self { cgroup: vec![it.clone()], ..none() });
        }
        for it in unit {
            add("unit", it.text(), Self { unit: vec![it.clone()], ..none() });
        }
        for it in namespace {
            add("namespace", it.text(), Self { namespace: vec![it.clone()], ..none() });
        }
        for it in pod {
            add("pod", it.text(), Self { pod: vec![it.clone()], ..none() });
        }
        for it in container {
            add("container", it.text(), Self { container: vec![it.clone()], ..none() });
        }
        places
    }

    /// Each name of a process that is asked for, and what it alone asks for.
    #[must_use]
    pub fn processes(&self) -> Vec<(String, Self)> {
        let alone = |it: &NamePattern| Self { comm: vec![it.clone()], ..Self::default() };
        self.comm.iter().map(|it| (it.text().to_owned(), alone(it))).collect()
    }
}
