//! The raw tracepoint `signal/signal_generate` (include/trace/events/signal.h, the same from 5.10
//! to 7.3): `(int sig, struct kernel_siginfo *info, struct task_struct *task, int group, int
//! result)`. After a mark, `__oom_kill_process` signals the processes that share the victim's
//! memory; nothing else tells of them.

use aya_ebpf::programs::RawTracePointContext;

use crate::current::CURRENT;
use crate::dying;
use crate::kernel::Task;
use crate::records::sharer::send_sharer;

const SIGKILL: i32 = 9;
/// `SEND_SIG_PRIV` (include/linux/sched/signal.h): from the kernel.
const SEND_SIG_PRIV: u64 = 1;

pub(crate) fn enter(context: &RawTracePointContext) {
    let (signal, info): (i32, u64) = (context.arg(0), context.arg(1));
    // Every signal of the machine comes by here.
    if signal != SIGKILL || info != SEND_SIG_PRIV {
        return;
    }
    let task = Task::new(context.arg(2));
    if let Some((memory, source)) = CURRENT.shares_victim(task) {
        dying::share(memory);
        send_sharer(source, CURRENT.incident(), task);
    }
}
