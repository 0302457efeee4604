#ifndef WW_ASM_PAGE_H
#define WW_ASM_PAGE_H
#define PAGE_SIZE 4096
#endif
