/* Start-up of a Cortex-M, and the end of its emulator: the self-test's verdict is the exit code. */
#include "mote.h"
#include <stddef.h>

/* What the compiler calls for copies and clearing. */
void *memset(void *to, int value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ((char *)to)[i] = (char)value;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = (const char *)from < (char *)to ? count - 1 - i : i;
        ((char *)to)[at] = ((const char *)from)[at];
    }
    return to;
}

void *memcpy(void *to, const void *from, size_t count)
{
    return memmove(to, from, count);
}

static void start(void)
{
    mote_state state = {0};
    uint32_t arguments[2] = {0x20026, (uint32_t)mote_self_test(&state)};
    register uint32_t operation __asm__("r0") = 0x20; /* SYS_EXIT_EXTENDED */
    register uint32_t *block __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : : "r"(operation), "r"(block) : "memory");
    for (;;) {
    }
}

extern char stack_end;

__attribute__((section(".vectors"), used)) static const struct {
    void *stack;
    void (*reset)(void);
} vectors = {&stack_end, start};
