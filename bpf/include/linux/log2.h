#ifndef WW_LINUX_LOG2_H
#define WW_LINUX_LOG2_H
#define roundup_pow_of_two(n) (1UL << (64 - __builtin_clzl((n) - 1)))
#endif
