//! Which instructions are calls: they leave their return address in the link register.

/// Tells from an instruction's bits whether it is a call. Bits of an instruction of two bytes are those of a number of
/// 16 bits; the first halfword is the lower one.
pub type IsCall = fn(u32) -> bool;

/// Returns what tells calls on QEMU's `target`; `None` for one that is not known.
pub fn of_target(target: &str) -> Option<IsCall> {
    match target {
        "arm" => Some(thumb),
        "riscv32" => Some(riscv),
        _ => None,
    }
}

/// `BLX register` (16 bits), `BL` (32).
fn thumb(bits: u32) -> bool {
    let (first, second) = (bits & 0xffff, bits >> 16);
    match first >> 11 {
        0b11101..=0b11111 => first & 0xf800 == 0xf000 && second & 0xd000 == 0xd000,
        _ => first & 0xff87 == 0x4780,
    }
}

/// `c.jal` and `c.jalr` (16 bits), `jal` and `jalr` to `ra` (32).
fn riscv(bits: u32) -> bool {
    match bits & 0b11 {
        0b01 => bits & 0xe003 == 0x2001,
        // With no register it would be `c.ebreak`, with a second one `c.add`.
        0b10 => bits & 0xf07f == 0x9002 && bits & 0x0f80 != 0,
        0b11 => {
            let (opcode, link) = (bits & 0x7f, bits >> 7 & 0x1f);
            matches!(opcode, 0x6f | 0x67) && link == 1
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumb_calls_are_told_from_jumps() {
        // `bl .+4`, `blx r3`, `blx lr`.
        for call in [0xf800_f000, 0x4798, 0x47f0] {
            assert!(thumb(call), "{call:#x}");
        }
        // `b.w .`, `bx lr`, `ldr.w r0, [r1, r2]`, `mov r0, r1`.
        for other in [0xb7fe_f7ff, 0x4770, 0x0002_f851, 0x4608] {
            assert!(!thumb(other), "{other:#x}");
        }
    }

    #[test]
    fn riscv_calls_are_told_from_jumps() {
        // `c.jal .+4`, `c.jalr a0`, `jal ra, .+8`, `jalr ra, 0(a5)`.
        for call in [0x2011, 0x9502, 0x0080_00ef, 0x0007_80e7] {
            assert!(riscv(call), "{call:#x}");
        }
        // `c.j .+4`, `ret`, `c.ebreak`, `c.add a0, a1`, `jal zero, .+8`, `jalr zero, 0(t1)`, `addi a0, a0, 1`, `c.lw`.
        for other in [
            0xa011,
            0x8082,
            0x9002,
            0x952e,
            0x0080_006f,
            0x0003_0067,
            0x0015_0513,
            0x4188,
        ] {
            assert!(!riscv(other), "{other:#x}");
        }
    }

    #[test]
    fn other_targets_are_unknown() {
        assert!(of_target("x86_64").is_none());
    }
}
