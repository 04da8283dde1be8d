//! What to do about the program that died: told from its name, its command line, and what ran out.
//!
//! A row of [`TABLE`] is a kind of program. It says something only where the program, or all of its
//! kind together, hold most of what ran out.

mod browser;
mod build;
mod go;
mod java;
mod node;
mod postgres;
mod program;
mod python;
mod qemu;
mod size;
mod workers;

use self::program::Program;
use self::size::Setting;
use self::workers::Workers;
use crate::incident::model::OomKill;

/// A kind of program, and what to say of it.
struct Row {
    /// Names as `task_struct.comm` has them (15 bytes at the most), or as the first argument ends; `*`
    /// stands for any end.
    names: &'static [&'static str],
    advice: Advice,
}

enum Advice {
    /// Many of a kind: this setting says how many.
    Workers(Workers),
    /// A size that it is started with, or configured to.
    Size(Setting),
    /// What takes more than a row.
    Of(fn(&Program<'_>) -> Option<String>),
}

const fn row(names: &'static [&'static str], advice: Advice) -> Row {
    Row { names, advice }
}

const fn workers(setting: &'static str, one: &'static str) -> Advice {
    Advice::Workers(Workers { setting, least: 3, one })
}

/// What to do about one worker that is larger than all others together; the parentheses say what it may be.
macro_rules! one {
    ($may_be:literal) => {
        concat!("find out what the largest worker was doing (", $may_be, ")")
    };
}

/// The first row that has something to say is taken.
const TABLE: &[Row] = &[
    row(&["java"], Advice::Of(java::advice)),
    row(&["node", "nodejs"], Advice::Of(node::advice)),
    row(
        &["php-fpm*", "php5-fpm*", "php7-fpm*", "php8-fpm*"],
        workers(
            "pm.max_children",
            one!("a large request, or a leak, which pm.max_requests limits"),
        ),
    ),
    row(
        &["apache2", "httpd", "httpd.worker"],
        workers(
            "MaxRequestWorkers",
            one!("a large request, or a leak, which MaxConnectionsPerChild limits"),
        ),
    ),
    row(
        &["gunicorn*"],
        workers(
            "gunicorn's --workers",
            one!("a large request, or a leak, which gunicorn's --max-requests limits"),
        ),
    ),
    row(
        &["uwsgi*"],
        workers(
            "uWSGI's processes",
            one!("a large request, or a leak, which uWSGI's max-requests limits"),
        ),
    ),
    row(&["puma*"], workers("puma's workers", one!("a large request, or a leak"))),
    row(&["unicorn*"], workers("unicorn's worker_processes", one!("a large request, or a leak"))),
    row(&["sidekiq*"], workers("the number of Sidekiq processes", one!("a large job, or a leak"))),
    row(
        &["celery*"],
        workers(
            "celery's --concurrency",
            one!("a large task, or a leak, which celery's --max-memory-per-child limits"),
        ),
    ),
    row(&["postgres", "postmaster"], Advice::Of(postgres::advice)),
    row(
        &["redis-server", "valkey-server", "keydb-server"],
        Advice::Size(Setting {
            flags: &["--maxmemory"],
            unit: 1,
            name: "maxmemory",
            beside: "replicas' buffers and the copy that a background save makes",
        }),
    ),
    row(
        &["memcached"],
        Advice::Size(Setting {
            flags: &["-m", "--memory-limit"],
            unit: 1 << 20,
            name: "memcached's -m",
            beside: "connections and its hash table",
        }),
    ),
    row(
        &["mysqld", "mariadbd"],
        Advice::Size(Setting {
            flags: &["--innodb-buffer-pool-size", "--innodb_buffer_pool_size"],
            unit: 1,
            name: "innodb_buffer_pool_size",
            beside: "each connection's buffers",
        }),
    ),
    row(build::NAMES, Advice::Of(build::advice)),
    row(browser::NAMES, Advice::Of(browser::advice)),
    row(qemu::NAMES, Advice::Of(qemu::advice)),
    // Only what is surely written in Go.
    row(
        &[
            "AdGuardHome",
            "apid",
            "caddy",
            "cloudflared",
            "containerd",
            "coredns",
            "dockerd",
            "etcd",
            "frpc",
            "frps",
            "geth",
            "grafana",
            "influxd",
            "ipfs",
            "k3s*",
            "kube-apiserver",
            "kube-controller",
            "kube-scheduler",
            "kubelet",
            "loki",
            "machined",
            "minio",
            "node_exporter",
            "prometheus",
            "promtail",
            "rclone",
            "sing-box",
            "syncthing",
            "tailscaled",
            "telegraf",
            "terraform",
            "traefik",
            "v2ray",
            "vault",
            "xray",
        ],
        Advice::Of(go::advice),
    ),
    row(&["python*"], Advice::Of(python::advice)),
];

pub(super) fn advice(kill: &OomKill) -> Option<String> {
    let program = Program::new(kill)?;
    TABLE.iter().filter(|row| program.is_one_of(row.names)).find_map(|row| match &row.advice {
        Advice::Workers(workers) => workers.advice(&program, row.names),
        Advice::Size(setting) => setting.advice(&program),
        Advice::Of(advice) => advice(&program),
    })
}

#[cfg(test)]
mod tests;
