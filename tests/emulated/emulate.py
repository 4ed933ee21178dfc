#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a Linux program on a processor that this machine is not: Intel's Sapphire Rapids (AVX-512, VNNI, BF16) as Bochs computes it.

    LD_PRELOAD=processor.so EMULATOR=.../_bochscpu.so emulate.py [NAME=VALUE ...] PROGRAM [ARGUMENT ...]

NAME=VALUE are all of the program's environment; the exit status is the program's. bochscpu-python (PyPI) emulates the processor alone; memory, loading and the
few system calls of a test that reads libraries, allocates, prints and ends are here. One thread, no signals, files for reading alone.
"""
import ctypes, itertools, mmap, os, struct, sys, time

import bochscpu
import bochscpu.cpu
import bochscpu.memory

PAGE = 4096
MEMORY = 1 << 30  # bytes; virtual and physical addresses are the same
GATE, TABLES = 0x8000, 0x10000  # `hlt`, where system calls go; page tables
STACK_END, PROGRAM, HEAP, LOADER = 0x4000000, 0x8000000, 0x10000000, 0x4000000
CR0, CR4, XCR0 = 0x80050033, 0x40620, 0xE7  # paging and SSE; PAE, OSFXSR, OSXMMEXCPT, OSXSAVE; x87 to the 512-bit registers
EFER = 0xD01  # long mode, no-execute, system calls
CODE, DATA = 0x209B, 0xC093
NO_FILE, NOT_HERE, BAD_CALL = -2, -38, -22


def up(size):
    return (size + PAGE - 1) & -PAGE


class Machine:
    def __init__(self):
        self.bytes = mmap.mmap(-1, MEMORY, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self.bytes))
        for page in range(0, MEMORY, PAGE):
            bochscpu.memory.page_insert(page, base + page)
        self.put(TABLES, (TABLES + PAGE) | 3)
        self.put(TABLES + PAGE, (TABLES + 2 * PAGE) | 3)
        self.put(TABLES + 2 * PAGE, *(i << 21 | 0x83 for i in range(MEMORY >> 21)))  # pages of 2 MB, writable
        self.bytes[GATE] = 0xF4
        self.heap, self.mapped, self.status = HEAP, MEMORY, None

    def put(self, at, *words):
        struct.pack_into(f"<{len(words)}Q", self.bytes, at, *(w % (1 << 64) for w in words))

    def text(self, at):
        return self.bytes[at:self.bytes.find(b"\0", at)].decode()

    # ---- a program ----

    def load(self, path, base):
        """Its entry, its headers (address, size, count) and its interpreter."""
        program = open(path, "rb").read()
        kind = struct.unpack_from("<H", program, 16)[0]
        entry, headers = struct.unpack_from("<QQ", program, 24)
        size, count = struct.unpack_from("<HH", program, 54)
        base = base if kind == 3 else 0  # position-independent or not
        interpreter, first = None, None
        for i in range(count):
            kind, _, offset, at, _, length, _, _ = struct.unpack_from("<IIQQQQQQ", program, headers + i * size)
            if kind == 1:
                first = at - offset if first is None else first
                self.bytes[base + at:base + at + length] = program[offset:offset + length]
            if kind == 3:
                interpreter = program[offset:offset + length - 1].decode()
        return base + entry, (base + first + headers, size, count), interpreter

    def start(self, arguments, environment):
        """Registers rip and rsp."""
        entry, (headers, size, count), interpreter = self.load(arguments[0], PROGRAM)
        first = self.load(interpreter, LOADER)[0] if interpreter else entry
        top, strings = STACK_END - PAGE, []
        for text in arguments + environment:
            top -= len(text) + 1
            self.bytes[top:top + len(text)] = text.encode()
            strings.append(top)
        auxiliary = [(3, headers), (4, size), (5, count), (6, PAGE), (7, LOADER if interpreter else 0), (9, entry), (23, 0), (25, GATE + 64), (0, 0)]
        n = len(arguments)
        words = [n, *strings[:n], 0, *strings[n:], 0, *(word for pair in auxiliary for word in pair)]
        stack = (top - 8 * len(words)) & -64
        self.put(stack, *words)
        return first, stack

    # ---- what Linux answers ----

    def call(self, state):
        a, b, c, d, e, f = state.rdi, state.rsi, state.rdx, state.r10, state.r8, state.r9
        name = CALLS.get(state.rax)
        if name == "write":
            return os.write(a, self.bytes[b:b + c])
        if name == "writev":
            return sum(os.write(a, self.bytes[at:at + length]) for at, length in
                       (struct.unpack_from("<QQ", self.bytes, b + 16 * i) for i in range(c)) if length)
        if name in ("read", "pread"):
            data = os.read(a, c) if name == "read" else os.pread(a, c, d)
            self.bytes[b:b + len(data)] = data
            return len(data)
        if name == "openat":
            return os.open(self.text(b), os.O_RDONLY) if os.path.exists(self.text(b)) else NO_FILE
        if name in ("stat", "fstat"):
            return self.stat(a if name == "fstat" or not self.text(b) else self.text(b), c if name == "stat" else b)
        if name == "mmap":
            return self.map(a, b, d, e, f)
        if name == "brk":
            self.heap = a if HEAP <= a < self.mapped else self.heap
            return self.heap
        if name == "arch_prctl" and a == 0x1002:  # the thread's own data
            state.fs = segment(DATA, b)
            return 0
        if name == "clock":
            self.put(b, *divmod(time.monotonic_ns(), 10**9))
            return 0
        if name == "random":
            self.bytes[a:a + b] = bytes(b)
            return b
        if name == "exit":
            self.status = a & 0xFF
        return 0 if name in ("exit", "nothing") else NOT_HERE

    def stat(self, what, to):
        if isinstance(what, str) and not os.path.exists(what):
            return NO_FILE
        s = os.stat(what)
        self.put(to, s.st_dev, s.st_ino, s.st_nlink, s.st_mode | s.st_uid << 32, s.st_gid, s.st_rdev, s.st_size, 4096, s.st_blocks)
        return 0

    def map(self, at, size, flags, file, offset):
        if not flags & 0x10:  # anywhere: from the end of memory down
            self.mapped -= up(size)
            at = self.mapped
        self.bytes[at:at + up(size)] = bytes(up(size))
        if not flags & 0x20:
            data = os.pread(file, size, offset)
            self.bytes[at:at + len(data)] = data
        return at


CALLS = {0: "read", 1: "write", 5: "fstat", 9: "mmap", 12: "brk", 17: "pread", 20: "writev", 60: "exit", 158: "arch_prctl", 228: "clock", 231: "exit",
         257: "openat", 262: "stat", 318: "random"}
# close, mprotect, munmap, signals (there are none), msync, madvise, pid, futex, set_tid_address, set_robust_list
CALLS |= dict.fromkeys((3, 10, 11, 13, 14, 26, 28, 39, 202, 218, 273), "nothing")


def segment(attributes, base=0):
    s = bochscpu.Segment()
    s.present, s.selector, s.base, s.limit, s.attr = True, 8, base, 0xFFFFFFFF, attributes
    return s


def processor(rip, rsp):
    state = bochscpu.State()
    bochscpu.cpu.set_long_mode(state)
    state.rip, state.rsp, state.rflags = rip, rsp, 2
    state.cr0, state.cr3, state.cr4, state.xcr0, state.efer = CR0, TABLES, CR4, XCR0, EFER
    state.mxcsr, state.mxcsr_mask, state.fpcw, state.fptw = 0x1F80, 0xFFFF, 0x37F, 0xFFFF
    state.lstar, state.star, state.sfmask = GATE, 8 << 32, 0
    state.cs = segment(CODE)
    for name in ("ds", "es", "ss", "fs", "gs"):
        setattr(state, name, segment(DATA))
    return state


def main():
    machine, session, hook, trap = Machine(), bochscpu.Session(), bochscpu.Hook(), []
    environment = list(itertools.takewhile(lambda word: "=" in word, sys.argv[1:]))
    state = processor(*machine.start(sys.argv[1 + len(environment):], environment))
    hook.hlt = lambda session, cpu: session.stop()
    hook.exception = lambda session, cpu, vector, error: (trap.append(vector), session.stop())
    session.missing_page_handler = lambda address: os._exit(print(f"no memory at {address:#x}", file=sys.stderr) or 2)
    while machine.status is None:
        session.cpu.state = state
        session.run([hook])
        state = session.cpu.state
        if trap:
            sys.exit(f"exception {trap[0]} at {state.rip:#x}, address {state.cr2:#x}: {machine.bytes[state.rip:state.rip + 12].hex(' ')}")
        state.rip, state.rflags, state.rax = state.rcx, state.r11, machine.call(state) % (1 << 64)
    sys.stdout.flush()
    os._exit(machine.status)  # Bochs does not care to be torn down


if __name__ == "__main__":
    main()
