//! The Java virtual machine, whose heap is only a part of it.

use super::super::facts::is_share;
use super::program::Program;
use super::size::{bytes, too_large};
use crate::units::Size;

/// A heap that leaves less than a fifth does not fit.
const HEAP_PERCENT: u64 = 80;

/// So much more than the heap may have is not heap.
const BEYOND_PERCENT: u64 = 120;

const BESIDE: &str = "metaspace, direct memory, code and thread stacks";

pub(super) fn advice(program: &Program<'_>) -> Option<String> {
    let own = program.own().filter(|_| program.is_most())?;
    let ceiling = &program.ceiling;
    let half = if program.has("org.elasticsearch.") || program.has("org.opensearch.") {
        "; Elasticsearch and OpenSearch should get at most half of the memory as heap"
    } else {
        ""
    };
    if program.arguments.is_none() {
        return Some(format!(
            "check -Xmx or -XX:MaxRAMPercentage against {ceiling}: the heap must leave room for {BESIDE}"
        ));
    }
    if let Some(heap) = program.behind("-Xmx").and_then(|size| bytes(size, 1)) {
        return Some(if is_share(heap, ceiling.bytes, HEAP_PERCENT) {
            too_large("-Xmx", heap, program, BESIDE) + half
        } else if is_share(own, heap, BEYOND_PERCENT) {
            let direct = match program.behind("-XX:MaxDirectMemorySize=") {
                Some(_) => "",
                None => ", or limit direct memory with -XX:MaxDirectMemorySize",
            };
            format!(
                "look outside the heap (jcmd PID VM.native_memory){direct}: -Xmx is {}, but java held \
                 {}",
                Size(heap),
                Size(own)
            )
        } else {
            format!("lower -Xmx ({}) or give java more than {ceiling}{half}", Size(heap))
        });
    }
    let share = program.behind("-XX:MaxRAMPercentage=").and_then(|it| it.parse::<f64>().ok());
    if let Some(share) = share {
        let much = share >= HEAP_PERCENT as f64;
        return much.then(|| {
            format!(
                "lower -XX:MaxRAMPercentage={share}: what it leaves of {ceiling} has to be enough for \
                 {BESIDE}"
            )
        });
    }
    // The environment may have set it, and what is cut off the command line.
    program.is_whole.then(|| {
        format!(
            "set -Xmx or -XX:MaxRAMPercentage, unless JAVA_TOOL_OPTIONS already sets one: the command \
             line has neither, and the heap must leave room in {ceiling} for {BESIDE}{half}"
        )
    })
}
