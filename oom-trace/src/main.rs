//! The `oom-trace` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    oom_trace::app::main()
}
