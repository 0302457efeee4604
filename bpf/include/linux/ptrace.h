#ifndef WW_LINUX_PTRACE_H
#define WW_LINUX_PTRACE_H
/* What a BPF uprobe program on x86-64 sees: arch/x86/include/asm/ptrace.h, the same since 2.6. */
struct pt_regs {
    unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
    unsigned long orig_ax, ip, cs, flags, sp, ss;
};
#endif
