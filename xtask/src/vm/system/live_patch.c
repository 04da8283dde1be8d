// SPDX-License-Identifier: GPL-2.0
// A live patch of the function whose entry and return are hooked. What it puts in that function's place counts
// the call, and goes on in the old one behind the call by which ftrace led here.

#include <linux/ftrace.h>
#include <linux/livepatch.h>
#include <linux/module.h>

#define CALL 0xe8
#define ENDBR_SIZE 4

static unsigned long calls;
module_param(calls, ulong, 0444);

static void patched(void *oc, const char *message);

static struct klp_func functions[] = {
	{ .old_name = "oom_kill_process", .new_func = patched },
	{ }
};

static struct klp_object objects[] = {
	{ .funcs = functions },
	{ }
};

static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objects };

static void patched(void *oc, const char *message)
{
	u8 *old = functions[0].old_func;
	void (*behind)(void *, const char *);

	// Only a function whose address is taken begins with endbr64.
	behind = (void *)(old + (*old == CALL ? 0 : ENDBR_SIZE) + MCOUNT_INSN_SIZE);
	calls++;
	behind(oc, message);
}

static int __init enable(void)
{
	return klp_enable_patch(&patch);
}

static void __exit gone(void)
{
}

module_init(enable);
module_exit(gone);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
MODULE_DESCRIPTION("A live patch of oom_kill_process");
